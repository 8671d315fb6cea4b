/** Chooses the model that answers the next prompt, if there are several. */

import type { Model } from "centrifugo-llm";
import "./styles/model_picker.css";

interface ModelPickerProps {
  models: readonly Model[];
  chosen: string | undefined;
  onChoose: (model: string) => void;
}

export function ModelPicker({ models, chosen, onChoose }: ModelPickerProps) {
  return (
    <select
      class="models"
      aria-label="Model"
      value={chosen}
      onChange={({ currentTarget }) => onChoose(currentTarget.value)}
    >
      {models.map(({ id, title }) => (
        <option key={id} value={id}>
          {title ?? id}
        </option>
      ))}
    </select>
  );
}
