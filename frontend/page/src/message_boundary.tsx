/** Limits an error to one message: its text is then shown as plain text. */

import { type Message, textOf } from "centrifugo-llm";
import { Component, type ComponentChildren } from "preact";

interface BoundaryProps {
  message: Message;
  children: ComponentChildren;
}

export class MessageBoundary extends Component<BoundaryProps, { failed: Message | null }> {
  override state = { failed: null };

  override componentDidCatch(error: unknown): void {
    console.warn("This message is shown as plain text:", error);
    this.setState({ failed: this.props.message });
  }

  override render({ message, children }: BoundaryProps, { failed }: { failed: Message | null }) {
    // after more text, rendering may succeed
    if (failed !== message) return children;
    const user = message.role === "user";
    return (
      <article class={user ? "prompt" : "answer"} aria-label={user ? "You" : "Answer"}>
        <p class="plain" dir="auto">
          {textOf(message)}
        </p>
      </article>
    );
  }
}
