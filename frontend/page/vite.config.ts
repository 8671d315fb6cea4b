import { createLogger, defaultClientConditions, defineConfig, type Plugin } from "vite";

// an empty variable counts as unset
const centrifugo = process.env.CENTRIFUGO_URL || "http://127.0.0.1:8000";
const host = process.env.PAGE_HOST || "localhost";
const port = Number(process.env.PAGE_PORT || 9000);
// the origins under which browsers load the page
const origins = (process.env.PAGE_ORIGINS || "").split(" ").filter((text) => URL.canParse(text));
const allowedHosts = origins.map((origin) => new URL(origin).hostname);
const proxy = {
  "/connection": { target: centrifugo, ws: true, xfwd: true },
  "/emulation": { target: centrifugo },
};

// Nothing is inline and nothing comes from elsewhere, so the strictest policy works.
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // images that the visitor has added or downloaded, and those inside answers
  "img-src 'self' blob: data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

// Closing a tab resets its websocket, which is not worth a log line.
const customLogger = createLogger();
const error = customLogger.error.bind(customLogger);
customLogger.error = (message, options) => {
  const code = (options?.error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== "ECONNRESET") error(message, options);
};

// Every browser that supports this page reads WOFF2.
const woff2Alone: Plugin = {
  name: "woff2-alone",
  enforce: "pre",
  transform: (code, id) =>
    id.includes("katex.min.css")
      ? code.replace(/,url\([^)]*\) format\("(?:woff|truetype)"\)/g, "")
      : null,
};

export default defineConfig({
  plugins: [woff2Alone],
  customLogger,
  // the page may be below any path
  base: "./",
  // the package is built from its source
  resolve: { conditions: ["centrifugo-llm-source", ...defaultClientConditions] },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { host, port, strictPort: true, proxy },
  preview: {
    host,
    port,
    strictPort: true,
    allowedHosts,
    proxy,
    headers: {
      "Content-Security-Policy": policy,
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
    },
  },
});
