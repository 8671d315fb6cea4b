"""Somebody's own HTTP route, in any language: asked as `useChat` asks one, signed, and read."""
