import { defineConfig } from "vite";

declare const process: { env: Record<string, string | undefined> };
// where `make run` serves; Centrifugo's endpoints are on its origin, and only that origin may
// connect
const origin = process.env.CHAT_ORIGIN || "http://localhost:9000";
const proxy = { "/connection": { target: origin, ws: true, headers: { Origin: origin } } };
const port = Number(process.env.PORT || 5173);

export default defineConfig({
  server: { port, proxy },
  preview: { port, strictPort: true, proxy },
});
