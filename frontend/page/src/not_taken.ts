/** Why a file is refused: a sentence for the user. */
export class NotTaken extends Error {}
