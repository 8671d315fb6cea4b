/** One tab of an app with `useChat`: what a user does in it, and what it shows. */

import { Chat } from "@ai-sdk/react";
import { keepInStep } from "centrifugo-llm/in-step";
import WebSocket from "ws";
import * as app from "./app.mjs";
import { textOf, until } from "./app.mjs";

const OPEN = ["queued", "streaming", "waiting"];
/** How long an app waits before it tries again to load the chat. */
const AGAIN_MS = 300;

/** One tab with one chat. What was read in it stays known when the tab is reloaded. */
export class Tab {
  #origin;
  #careless;
  #key;
  #inStep;
  #token;
  #read = new Map();
  #closed = new Map();
  #grew = new Map();
  #sockets = new Set();
  #asking = Promise.resolve();
  #sent = () => {};
  #resumed = 0;
  #leave = [];

  /** `careless`: some chunks of the transport's do not reach the AI SDK. */
  constructor(origin, { careless, key, inStep, token }) {
    this.#origin = origin;
    this.#careless = careless;
    this.#key = key;
    this.#inStep = inStep;
    this.#token = token;
  }

  async open() {
    const sockets = this.#sockets;
    class Socket extends WebSocket {
      constructor(...options) {
        super(...options);
        sockets.add(this);
        this.on("close", () => sockets.delete(this));
      }
    }
    const opened = await app.tab(this.#origin, {
      token: this.#token,
      websocket: Socket,
      prepare: ({ body }) => body ?? {},
      onEvent: ({ type, message }) => type === "sent" && this.#sent(message),
    });
    this.#token = opened.token;
    this.transport = opened.transport;
    this.centrifuge = opened.centrifuge;
    const transport = this.#careless ? losing(this.transport) : this.transport;
    this.chat = new Chat({ id: this.#key, transport });
    this.#leave = [this.chat["~registerMessagesCallback"](() => this.#look())];
    if (this.#inStep) {
      const step = keepInStep(this.chat, this.transport);
      this.#leave.push(() => step.close());
      await until(() => step.standing.value.loaded);
    } else {
      await this.#load();
    }
    return this.#token;
  }

  /** Reloads the page: the chat begins with what is stored, and reads a running answer. */
  async reload() {
    this.close();
    await this.open();
    if (!this.#inStep) this.#asking = this.chat.resumeStream();
  }

  close() {
    for (const leave of this.#leave) leave();
    this.centrifuge.disconnect();
  }

  async cut() {
    const present = [...this.#sockets];
    for (const socket of present) socket.terminate();
    await until(() => present.every((socket) => !this.#sockets.has(socket)));
    return present.length;
  }

  /** Resolves once the prompt was accepted or refused. */
  send({ id, text, model }) {
    const prompt = { id, role: "user", parts: [{ type: "text", text }] };
    const body = model === "" ? {} : { model };
    return this.#ask(() => this.chat.sendMessage(prompt, { body }));
  }

  /** Replaces a prompt by another; both are identified by their texts. Resolves as `send` does. */
  edit({ replaced, text, model }) {
    const prompts = this.chat.messages.filter(({ role }) => role === "user");
    const found = [text, replaced].map((one) => prompts.find((prompt) => textOf(prompt) === one));
    const { id: messageId } = found.find((prompt) => prompt !== undefined);
    const prompt = { parts: [{ type: "text", text }], messageId };
    return this.#ask(() => this.chat.sendMessage(prompt, { body: model === "" ? {} : { model } }));
  }

  /** Regenerates the last answer; if the last prompt was refused, sends it again. */
  again({ model }) {
    return this.#ask(() => this.chat.regenerate({ body: model === "" ? {} : { model } }));
  }

  /**
   * Approves or denies what waits, and sends the decisions. Resolves as `send` does, or to null if
   * another tab has decided everything.
   */
  async decide({ answer, approvals }) {
    await this.#asking;
    for (const approval of approvals) await this.chat.addToolApprovalResponse(approval);
    if (this.#status(answer) !== "waiting") return null;
    const reply = await this.#ask(() => this.chat.sendMessage());
    return this.#status(answer) === "waiting" ? reply : null;
  }

  /** Resolves to the status of the answer, once it waits for a decision here or has ended. */
  async decided({ answer }) {
    await until(() => !["queued", "streaming", undefined].includes(this.#status(answer)));
    return this.#status(answer);
  }

  #status(answer) {
    return this.chat.messages.find(({ id }) => id === answer)?.metadata?.status;
  }

  async #ask(start) {
    const { chat } = this;
    const sent = new Promise((resolve) => {
      this.#sent = resolve;
    });
    this.#asking = start();
    const answer = await Promise.race([sent, this.#asking.then(() => null)]);
    if (answer !== null) return { answer, conversation: this.#conversation() };
    const { code = 0, message = chat.status, temporary = true } = chat.error ?? {};
    return { refused: { code, message, temporary } };
  }

  /**
   * False if the service was not reached in time: the answer goes on, or is stopped all the same.
   */
  async stop() {
    try {
      await this.transport.stop(this.#key);
      return true;
    } catch (error) {
      if (error.name !== "CallError") throw error;
      return false;
    }
  }

  /** Removes a refused prompt from the view. */
  drop({ id }) {
    this.chat.clearError();
    this.chat.messages = this.chat.messages.filter((message) => message.id !== id);
  }

  /** Removes a refused edit from the view, and brings the original back. */
  async undo() {
    this.chat.clearError();
    await this.#load();
  }

  /**
   * Resolves once the chat is at rest, nothing in it is open, and that answer is there, whoever
   * requested it.
   */
  async rest({ answer }) {
    const there = () => answer === "" || this.chat.messages.some(({ id }) => id === answer);
    for (;;) {
      const asking = this.#asking;
      await asking;
      if (asking !== this.#asking) continue;
      if (this.#inStep) await until(() => this.#quiet() && there());
      if (this.#quiet()) return;
      this.#resumed++;
      await this.#load();
      this.#asking = this.chat.resumeStream();
    }
  }

  show() {
    this.#look();
    const { messages, status, error } = this.chat;
    const { versions } = this.transport.chat(this.#key);
    return {
      conversation: this.#conversation(),
      // the AI SDK keeps the id of an edited prompt, while another version is stored
      messages: messages.map((one) => ({ ...one, id: versions.get(one.id) ?? one.id })),
      read: Object.fromEntries(this.#read),
      closed: Object.fromEntries(this.#closed),
      resumed: this.#resumed,
      state: `${status}${error === undefined ? "" : `: ${error.message}`}`,
    };
  }

  /** The open answers with the time they last grew, and whether all that was published is here. */
  stands() {
    const conversation = this.transport.chat(this.#key).conversation.value;
    const connected = this.centrifuge.state === "connected";
    const open = this.chat.messages.filter(isOpen).map(({ id }) => [id, this.#grew.get(id)?.at]);
    return {
      conversation: conversation?.id ?? "",
      live: connected && conversation?.sync.value === "live",
      open: Object.fromEntries(open),
    };
  }

  #conversation() {
    return this.transport.chat(this.#key).conversation.value?.id ?? "";
  }

  #quiet() {
    const { status, messages } = this.chat;
    return (status === "ready" || status === "error") && !messages.some(isOpen);
  }

  async #load() {
    const { chat } = this;
    for (;;) {
      try {
        chat.messages = await this.transport.load(this.#key);
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  /** Records the longest texts shown, and when each answer was first seen closed. */
  #look() {
    for (const message of this.chat.messages) {
      if (message.role !== "assistant") continue;
      const { id } = message;
      // the AI SDK and the client replace the object of a message that has grown
      if (this.#grew.get(id)?.message !== message) this.#grew.set(id, { message, at: monotonic() });
      const text = textOf(message);
      const texts = this.#read.get(id) ?? [];
      if (text !== "") this.#read.set(id, texts);
      if (texts.length > 0 && text.startsWith(texts.at(-1))) texts[texts.length - 1] = text;
      else if (text !== "" && !texts.some((earlier) => earlier.startsWith(text))) texts.push(text);
      const ended = message.metadata?.status !== undefined && !isOpen(message);
      if (ended && !this.#closed.has(id)) this.#closed.set(id, monotonic());
    }
  }
}

/** A transport that loses some chunks: the test must notice. */
function losing(transport) {
  return {
    sendMessages: async (request) => (await transport.sendMessages(request)).pipeThrough(lossy()),
    reconnectToStream: (request) => transport.reconnectToStream(request),
  };
}

function lossy() {
  let seen = 0;
  return new TransformStream({
    transform(chunk, controller) {
      if (chunk.type !== "text-delta" || ++seen % 10 !== 5) controller.enqueue(chunk);
    },
  });
}

function isOpen({ metadata }) {
  return OPEN.includes(metadata?.status);
}

/** In the clock that all programs of the machine share. */
function monotonic() {
  return Number(process.hrtime.bigint()) / 1e9;
}
