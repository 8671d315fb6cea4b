import { createLogger, defaultClientConditions, defineConfig, type Plugin } from "vite";

// a variable that is empty is none
const centrifugo = process.env.CENTRIFUGO_URL || "http://127.0.0.1:8000";
const host = process.env.PAGE_HOST || "localhost";
const port = Number(process.env.PAGE_PORT || 9000);
// the names under which browsers come
const origins = (process.env.PAGE_ORIGINS || "").split(" ").filter((text) => URL.canParse(text));
const allowedHosts = origins.map((origin) => new URL(origin).hostname);
const proxy = {
  "/connection": { target: centrifugo, ws: true, xfwd: true },
  "/emulation": { target: centrifugo },
};

// Nothing is inline and nothing comes from elsewhere, so the strictest policy holds.
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // pictures that the visitor has brought, or fetched, and those within answers
  "img-src 'self' blob: data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

// A tab that is closed resets its websocket: nothing that whoever runs this needs to know.
const customLogger = createLogger();
const error = customLogger.error.bind(customLogger);
customLogger.error = (message, options) => {
  const code = (options?.error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== "ECONNRESET") error(message, options);
};

// Every browser that runs this page reads WOFF2.
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
  // the page may stand below any path
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
