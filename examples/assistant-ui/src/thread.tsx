import {
  AuiIf,
  ComposerPrimitive,
  ErrorPrimitive,
  MessagePartPrimitive,
  MessagePrimitive,
  ThreadPrimitive,
} from "@assistant-ui/react";

export function Thread() {
  return (
    <ThreadPrimitive.Root>
      <ThreadPrimitive.Messages>
        {({ message }) => <Message label={message.role === "user" ? "You" : "Answer"} />}
      </ThreadPrimitive.Messages>
      <Composer />
    </ThreadPrimitive.Root>
  );
}

function Message({ label }: { label: string }) {
  return (
    <article aria-label={label}>
      <MessagePrimitive.Parts>
        {({ part }) => {
          // text is shown as it arrives: assistant-ui would delay it for a smooth animation
          if (part.type === "text")
            return <MessagePartPrimitive.Text component="p" smooth={false} />;
          if (part.type === "reasoning") return <em>{part.text}</em>;
          return null;
        }}
      </MessagePrimitive.Parts>
      <MessagePrimitive.Error>
        <ErrorPrimitive.Root>
          <ErrorPrimitive.Message />
        </ErrorPrimitive.Root>
      </MessagePrimitive.Error>
    </article>
  );
}

function Composer() {
  return (
    <ComposerPrimitive.Root>
      <ComposerPrimitive.Input aria-label="Your prompt" />
      <AuiIf condition={({ thread }) => thread.isRunning}>
        <ComposerPrimitive.Cancel>Stop</ComposerPrimitive.Cancel>
      </AuiIf>
      <AuiIf condition={({ thread }) => !thread.isRunning}>
        <ComposerPrimitive.Send>Send</ComposerPrimitive.Send>
      </AuiIf>
    </ComposerPrimitive.Root>
  );
}
