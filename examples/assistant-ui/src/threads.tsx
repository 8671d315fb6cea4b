import { ThreadListItemPrimitive, ThreadListPrimitive } from "@assistant-ui/react";

export function Threads() {
  return (
    <nav>
      <ThreadListPrimitive.New>New</ThreadListPrimitive.New>
      <ThreadListPrimitive.Items>
        {() => (
          <ThreadListItemPrimitive.Root>
            <ThreadListItemPrimitive.Trigger>
              <ThreadListItemPrimitive.Title fallback="A new conversation" />
            </ThreadListItemPrimitive.Trigger>
          </ThreadListItemPrimitive.Root>
        )}
      </ThreadListPrimitive.Items>
    </nav>
  );
}
