import { AssistantRuntimeProvider } from "@assistant-ui/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { useRuntime } from "./runtime";
import "./style.css";
import { Thread } from "./thread";
import { Threads } from "./threads";

function App() {
  return (
    <AssistantRuntimeProvider runtime={useRuntime()}>
      <Threads />
      <main>
        <Thread />
      </main>
    </AssistantRuntimeProvider>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
