/** The empty page of a new conversation. */

import type { Observable } from "centrifugo-llm";
import { useObservable } from "./hooks.ts";

/** The model that `make run` starts if no other is configured. */
const TOY = "SmolLM2-135M-Instruct";
const EXAMPLES = [
  "Explain websockets to a ten-year-old",
  "Plan a weekend in a city I have never seen",
  "Write a function that finds the longest word",
];

interface WelcomeProps {
  model: Observable<string | null>;
  onChoose: (text: string) => void;
}

export function Welcome({ model, onChoose }: WelcomeProps) {
  const name = useObservable(model);
  return (
    <section class="welcome">
      <h2>What would you like to know?</h2>
      <ul aria-label="Examples">
        {EXAMPLES.map((example) => (
          <li key={example}>
            <button type="button" onClick={() => onChoose(example)}>
              {example}
            </button>
          </li>
        ))}
      </ul>
      {name !== null && (
        <p class="model">
          {name} answers.
          {name === TOY &&
            " It is a toy model that comes with this page, and it knows very little."}
        </p>
      )}
    </section>
  );
}
