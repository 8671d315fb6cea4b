/** Values that the page's components observe: from the client library, the address, and time. */

import { Cell, type Observable } from "centrifugo-llm";
import { useEffect, useReducer, useState } from "preact/hooks";
import { placeInAddress } from "./address.ts";

/**
 * A text that grows fifty times a second is rendered once per frame, and rarely while the page is
 * hidden.
 */
const HIDDEN_FRAME = 250;

export function useObservable<T>(observable: Observable<T>): T {
  const [, redraw] = useReducer<number, void>((count) => count + 1, 0);
  useEffect(() => {
    let cancel: (() => void) | null = null;
    const draw = () => {
      cancel = null;
      redraw();
    };
    const schedule = () => {
      if (cancel !== null) return;
      if (document.hidden) {
        const timer = setTimeout(draw, HIDDEN_FRAME);
        cancel = () => clearTimeout(timer);
      } else {
        const frame = requestAnimationFrame(draw);
        cancel = () => cancelAnimationFrame(frame);
      }
    };
    // it may have changed between the first rendering and this subscription
    schedule();
    const stop = observable.subscribe(schedule);
    return () => {
      stop();
      cancel?.();
    };
  }, [observable]);
  return observable.value;
}

const conversationInAddress = () => placeInAddress().conversation;
const shownConversation = new Cell(conversationInAddress());
addEventListener("hashchange", () => shownConversation.set(conversationInAddress()));

/** The conversation that the address names; the empty string for a new one. */
export function useConversationId(): string {
  const [id, setId] = useState(shownConversation.value);
  useEffect(() => {
    // as above
    setId(shownConversation.value);
    return shownConversation.subscribe(setId);
  }, []);
  return id;
}

export function showConversation(id: string): void {
  location.hash = id;
  // the event comes later: a frame could be rendered or a key pressed before
  shownConversation.set(id);
}

/** The value, once it has not changed for that time; null until then. */
export function useSettled<T>(value: T, milliseconds: number): T | null {
  const [settled, setSettled] = useState<T | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

const NARROW = "(max-width: 48rem)";
/** A touch screen, most likely with an on-screen keyboard. */
const TOUCH = "(hover: none) and (pointer: coarse)";

/** Whether the list of conversations is a drawer. */
export function useNarrow(): boolean {
  return useMedia(NARROW);
}

/** Whether the keyboard is on the screen, where Shift+Enter is hard to press. */
export function useTouch(): boolean {
  return useMedia(TOUCH);
}

function useMedia(media: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(media).matches);
  useEffect(() => {
    const query = matchMedia(media);
    const changed = () => setMatches(query.matches);
    // as above
    changed();
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, [media]);
  return matches;
}

/** A part of the page that is loaded on demand; null until it has loaded. */
export function useLoaded<T>(wanted: boolean, load: () => Promise<T>): T | null {
  const [loaded, setLoaded] = useState<T | null>(null);
  useEffect(() => {
    if (!wanted || loaded !== null) return;
    load().then(
      (part) => setLoaded(() => part),
      () => {}, // the connection is down, and the page says so
    );
  }, [wanted, loaded, load]);
  return loaded;
}
