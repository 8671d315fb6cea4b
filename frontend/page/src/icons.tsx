/**
 * The page's icons, drawn with strokes in the text color; labels or the words beside them carry the
 * meaning.
 */

import type { JSX } from "preact";

function Icon({ children }: { children: JSX.Element | JSX.Element[] }) {
  return (
    <svg
      viewBox="0 0 20 20"
      width="18"
      height="18"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export const SendIcon = () => (
  <Icon>
    <path d="M10 16V4.5M5 9.2 10 4.2l5 5" />
  </Icon>
);

export const StopIcon = () => (
  <Icon>
    <rect x="5.5" y="5.5" width="9" height="9" rx="1.5" fill="currentColor" />
  </Icon>
);

export const NewIcon = () => (
  <Icon>
    <path d="M10 4.5v11M4.5 10h11" />
  </Icon>
);

export const MenuIcon = () => (
  <Icon>
    <path d="M3.5 6h13M3.5 10h9M3.5 14h11" />
  </Icon>
);

export const CloseIcon = () => (
  <Icon>
    <path d="m5.5 5.5 9 9M14.5 5.5l-9 9" />
  </Icon>
);

export const RenameIcon = () => (
  <Icon>
    <path d="m4.5 15.5.7-3 7.6-7.6a1.5 1.5 0 0 1 2.2 0l.1.1a1.5 1.5 0 0 1 0 2.2l-7.6 7.6z" />
  </Icon>
);

export const DeleteIcon = () => (
  <Icon>
    <path d="M4.5 6h11M8 6V4.5h4V6M6 6l.6 9.5h6.8L14 6M8.7 8.8v4M11.3 8.8v4" />
  </Icon>
);

export const DownIcon = () => (
  <Icon>
    <path d="M10 4.5V15M5.3 10.6 10 15.3l4.7-4.7" />
  </Icon>
);

export const AttachIcon = () => (
  <Icon>
    <path d="m15.5 9.3-5.6 5.6a3.6 3.6 0 0 1-5.1-5.1l6-6a2.4 2.4 0 0 1 3.4 3.4l-6 6a1.2 1.2 0 0 1-1.7-1.7l5.2-5.2" />
  </Icon>
);

export const FileIcon = () => (
  <Icon>
    <path d="M5.5 3.5h6l3.5 3.5v9.5h-9.5zM11.5 3.5V7H15M8 10.5h4.5M8 13.3h4.5" />
  </Icon>
);

export const EarlierIcon = () => (
  <Icon>
    <path d="m12 5-5 5 5 5" />
  </Icon>
);

export const LaterIcon = () => (
  <Icon>
    <path d="m8 5 5 5-5 5" />
  </Icon>
);

export const ExportIcon = () => (
  <Icon>
    <path d="M10 3.5v8.5M6.3 8.5 10 12.2l3.7-3.7M4.5 13.5v2h11v-2" />
  </Icon>
);

export const ArchiveIcon = () => (
  <Icon>
    <path d="M3.5 4.5h13v3h-13zM5 7.5v8h10v-8M8 10.5h4" />
  </Icon>
);

export const UnarchiveIcon = () => (
  <Icon>
    <path d="M3.5 4.5h13v3h-13zM5 7.5v8h10v-8M10 14v-4M8 11.8l2-2 2 2" />
  </Icon>
);
