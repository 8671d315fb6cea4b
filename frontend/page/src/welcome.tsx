/** The empty page of a new conversation. */

const EXAMPLES = [
  "Explain a websocket to a ten-year-old",
  "Plan a weekend in a city I have never seen",
  "Write a function that finds the longest word",
];

export function Welcome({ onChoose }: { onChoose: (text: string) => void }) {
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
    </section>
  );
}
