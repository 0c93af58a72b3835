// One WebSocket to the gateway: requests with answers, events, and coming back after a break.

const RETRY_FIRST_MS = 400;
const RETRY_MOST_MS = 10_000;

/** The gateway speaks every thirty seconds: longer silence means a break that nobody noticed, after sleep for example. */
const SILENCE_MS = 70_000;

export const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The one connection. `listener` is told what happens: onConnected, onSignedOut, onDisconnected, onEvent. */
export const gateway = {
  listener: null,
  socket: null,
  ready: false,
  waiting: new Map(),
  retryMs: RETRY_FIRST_MS,
  heardAt: 0,

  open() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`);
    this.socket = socket;
    this.heardAt = Date.now();
    socket.onmessage = (message) => {
      this.heardAt = Date.now();
      this.receive(JSON.parse(message.data));
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event);
    };
  },

  receive(frame) {
    if (frame.type === "res") {
      const waiting = this.waiting.get(frame.id);
      this.waiting.delete(frame.id);
      if (waiting) frame.ok ? waiting.resolve(frame.payload) : waiting.reject(new Error(frame.error.message));
    } else if (frame.event === "connect.challenge") {
      this.signIn();
    } else {
      this.listener.onEvent(frame.event, frame.payload);
    }
  },

  signIn() {
    const params = {
      minProtocol: 4,
      maxProtocol: 4,
      client: { id: "webchat", version: "1", platform: "web", mode: "webchat" },
      role: "operator",
      scopes: ["operator.admin", "operator.read", "operator.write"],
      caps: ["hearth-html", "tool-events"],
    };
    this.ask("connect", params).then(
      (hello) => {
        this.ready = true;
        this.retryMs = RETRY_FIRST_MS;
        this.listener.onConnected(hello);
      },
      () => this.listener.onSignedOut(),
    );
  },

  /** Sends a request; the promise is kept or broken by its answer, and broken when the connection ends. */
  ask(method, params) {
    return new Promise((resolve, reject) => {
      if (this.socket?.readyState !== WebSocket.OPEN) return reject(new Error("not connected"));
      const id = newId();
      this.waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ type: "req", id, method, params }));
    });
  },

  closed(event) {
    this.ready = false;
    this.socket = null;
    for (const { reject } of this.waiting.values()) reject(new Error("connection lost"));
    this.waiting.clear();
    if (event.code === 1008) return;
    this.listener.onDisconnected();
    setTimeout(() => this.open(), this.retryMs * (0.7 + Math.random() * 0.6));
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MOST_MS);
  },
};

setInterval(() => {
  if (gateway.ready && Date.now() - gateway.heardAt > SILENCE_MS) gateway.socket.close();
}, 10_000);
