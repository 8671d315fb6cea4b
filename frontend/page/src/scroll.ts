/** Keeps a growing text scrolled to the end, unless its reader has scrolled away. */

import type { RefObject } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

const NEAR = 40;
/** The events by which a reader scrolls. */
const SCROLLING = ["wheel", "touchmove", "pointerdown", "keydown"];

export function useStickToEnd(
  scroller: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
): { atEnd: boolean; toEnd: () => void; leaveEnd: () => void } {
  const [atEnd, setAtEnd] = useState(true);
  const sticking = useRef(true);
  /**
   * Whether the reader looks at something else: then do not stick to the end, even if it comes into
   * view.
   */
  const held = useRef(false);

  const toEnd = useCallback(() => {
    const element = scroller.current;
    if (element === null) return;
    sticking.current = true;
    held.current = false;
    setAtEnd(true);
    element.scrollTop = element.scrollHeight;
  }, [scroller]);

  const leaveEnd = useCallback(() => {
    sticking.current = false;
    held.current = true;
  }, []);

  useEffect(() => {
    const element = scroller.current;
    const inner = content.current;
    if (element === null || inner === null) return;
    let top = element.scrollTop;
    const scrolled = () => {
      const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
      // if the text grows faster than we follow, that is not the reader scrolling up
      if (near) sticking.current ||= !held.current;
      else if (element.scrollTop < top) sticking.current = false;
      top = element.scrollTop;
      setAtEnd(near || sticking.current);
    };
    const grown = new ResizeObserver(() => {
      if (sticking.current) element.scrollTop = element.scrollHeight;
    });
    const free = () => {
      held.current = false;
    };
    element.addEventListener("scroll", scrolled, { passive: true });
    for (const type of SCROLLING) element.addEventListener(type, free, { passive: true });
    grown.observe(inner);
    grown.observe(element);
    return () => {
      element.removeEventListener("scroll", scrolled);
      for (const type of SCROLLING) element.removeEventListener(type, free);
      grown.disconnect();
    };
  }, [scroller, content]);

  return { atEnd, toEnd, leaveEnd };
}

/**
 * Keeps the scroll position when earlier messages are inserted: browsers do not at the very top.
 */
export function useKeptPlace(
  scroller: RefObject<HTMLElement | null>,
  first: string | undefined,
): void {
  const known = useRef(first);
  // as it is before this rendering
  const { scrollTop = 0, scrollHeight = 0 } = scroller.current ?? {};
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element !== null && known.current !== undefined) {
      element.scrollTop = scrollTop + element.scrollHeight - scrollHeight;
    }
    known.current = first;
  }, [first]);
}
