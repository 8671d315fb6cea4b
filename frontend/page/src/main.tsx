/** The page's entry point: one client, one tree. */

import { ChatClient } from "centrifugo-llm";
import { render } from "preact";
import { App } from "./app.tsx";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/messages.css";
import "./styles/actions.css";
import "./styles/welcome.css";
import "./styles/prose.css";
import "./styles/composer.css";
import "./styles/files.css";
import "./styles/library.css";

// Centrifugo's endpoints are beside the page, below any path
const here = new URL(".", location.href).href.replace(/\/$/, "");
const client = new ChatClient({ origin: here });
client.connect();
const root = document.getElementById("app");
if (root !== null) render(<App client={client} />, root);
