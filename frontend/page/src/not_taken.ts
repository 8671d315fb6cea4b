/** Why a file is not taken: a sentence for a person. */
export class NotTaken extends Error {}
