import type { UIMessage } from "ai";
import { useCentrifugoChat } from "centrifugo-llm/react";
import { type FormEvent, useState } from "react";
import { transport } from "./connection";

export function Chat({ id }: { id: string }) {
  const { messages, sendMessage, regenerate, status, stop, error, title } = useCentrifugoChat({
    id,
    transport,
  });
  const [text, setText] = useState("");
  const busy = status === "submitted" || status === "streaming";

  const send = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === "" || busy) return;
    void sendMessage({ text });
    setText("");
  };

  return (
    <main>
      <h1>{title || "A new conversation"}</h1>
      {messages.map((message) => (
        <Message key={message.id} message={message} />
      ))}
      {status === "submitted" && <p role="status">…</p>}
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={send}>
        <input
          aria-label="Your prompt"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {busy ? (
          <button type="button" onClick={() => void stop()}>
            Stop
          </button>
        ) : (
          <button type="submit">Send</button>
        )}
        <button
          type="button"
          disabled={busy || messages.length === 0}
          onClick={() => void regenerate()}
        >
          Again
        </button>
      </form>
    </main>
  );
}

function Message({ message }: { message: UIMessage }) {
  return (
    <article aria-label={message.role === "user" ? "You" : "Answer"}>
      {message.parts.map((part, index) => {
        const key = `${message.id}-${index}`;
        if (part.type === "text") return <p key={key}>{part.text}</p>;
        if (part.type === "reasoning") return <em key={key}>{part.text}</em>;
        return null;
      })}
    </article>
  );
}
