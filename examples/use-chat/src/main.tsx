import { useConversations } from "centrifugo-llm/react";
import { StrictMode, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { Chat } from "./chat";
import { transport } from "./connection";
import "./style.css";

const begin = () => {
  location.hash = crypto.randomUUID();
};
if (location.hash === "") begin();

function App() {
  const id = useSyncExternalStore(followHash, () => location.hash.slice(1));
  const { conversations, next, loadMore } = useConversations(transport);
  return (
    <>
      <nav>
        <button type="button" onClick={begin}>
          New
        </button>
        {conversations.map(({ id: conversation, key, title }) =>
          // conversations without a name by the app are not shown here
          key === undefined ? null : (
            <a key={conversation} href={`#${key}`} aria-current={key === id}>
              {title}
            </a>
          ),
        )}
        {next !== null && (
          <button type="button" onClick={() => void loadMore()}>
            More
          </button>
        )}
      </nav>
      <Chat key={id} id={id} />
    </>
  );
}

function followHash(changed: () => void) {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
