import { defaultServerConditions, defineConfig } from "vite";

// as in the page: the package is built from its source
const conditions = ["centrifugo-llm-source", ...defaultServerConditions];

export default defineConfig({ ssr: { resolve: { conditions } }, resolve: { conditions } });
