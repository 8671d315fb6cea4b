"""An operator's own HTTP route, in any language: called as `useChat` calls one, and signed."""
