import { Centrifuge } from "centrifuge";
import { centrifugoChat } from "centrifugo-llm/ai-sdk";

// The app's own connection: here that of an anonymous visitor, whose token is stored.
const centrifuge = new Centrifuge(`${location.origin.replace("http", "ws")}/connection/websocket`, {
  getData: async () => {
    const token = localStorage.getItem("token");
    return token === null ? {} : { token };
  },
});
centrifuge.on("connected", ({ data }) => localStorage.setItem("token", data.token));
centrifuge.connect();

export const transport = centrifugoChat(centrifuge);
