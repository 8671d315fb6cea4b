/** Staying at the end of a growing text, unless its reader has gone elsewhere in it. */

import type { RefObject } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

const NEAR = 40;

export function useStickToEnd(
  scroller: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
): { atEnd: boolean; toEnd: () => void } {
  const [atEnd, setAtEnd] = useState(true);
  const sticking = useRef(true);

  const toEnd = useCallback(() => {
    const element = scroller.current;
    if (element === null) return;
    sticking.current = true;
    setAtEnd(true);
    element.scrollTop = element.scrollHeight;
  }, [scroller]);

  useEffect(() => {
    const element = scroller.current;
    const inner = content.current;
    if (element === null || inner === null) return;
    let top = element.scrollTop;
    const scrolled = () => {
      const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
      // text that grows faster than we follow is not a reader who scrolls up
      if (near) sticking.current = true;
      else if (element.scrollTop < top) sticking.current = false;
      top = element.scrollTop;
      setAtEnd(near || sticking.current);
    };
    const grown = new ResizeObserver(() => {
      if (sticking.current) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", scrolled, { passive: true });
    grown.observe(inner);
    grown.observe(element);
    return () => {
      element.removeEventListener("scroll", scrolled);
      grown.disconnect();
    };
  }, [scroller, content]);

  return { atEnd, toEnd };
}

/** Keeps what is read where it is when earlier messages come before it: at the very top, browsers do not. */
export function useKeptPlace(
  scroller: RefObject<HTMLElement | null>,
  first: string | undefined,
): void {
  const known = useRef(first);
  // as it is before this drawing
  const { scrollTop = 0, scrollHeight = 0 } = scroller.current ?? {};
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element !== null && known.current !== undefined) {
      element.scrollTop = scrollTop + element.scrollHeight - scrollHeight;
    }
    known.current = first;
  }, [first]);
}
