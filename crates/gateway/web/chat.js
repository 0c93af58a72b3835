// The chat page: one WebSocket, events in, elements out. Answers arrive from the gateway as safe HTML.
"use strict";

const HISTORY_LIMIT = 200;
const RETRY_FIRST_MS = 400;
const RETRY_MOST_MS = 10_000;
const SILENCE_MS = 70_000;

const byId = (id) => document.getElementById(id);
const [log, turns, empty, form, box, send, stop, status, model, announce, latest] =
  ["log", "turns", "empty", "composer", "message", "send", "stop", "status", "model", "announce", "latest"].map(byId);

/** Makes an element with a class and text. */
function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// ---- Connection: requests with answers, events, and coming back after a break ----

const gateway = {
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
      chat.onEvent(frame.event, frame.payload);
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
        chat.onConnected(hello);
      },
      () => chat.onSignedOut(),
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
    chat.onDisconnected();
    setTimeout(() => this.open(), this.retryMs * (0.7 + Math.random() * 0.6));
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MOST_MS);
  },
};

// A laptop that slept has a socket that looks open: the gateway speaks every thirty seconds, so silence means a break.
setInterval(() => {
  if (gateway.ready && Date.now() - gateway.heardAt > SILENCE_MS) gateway.socket.close();
}, 10_000);

// ---- Scrolling: the page follows only whoever is at its end ----

const scroll = {
  following: true,

  atEnd: () => log.scrollHeight - log.scrollTop - log.clientHeight < 48,

  /** Makes a change and stays at the end if the reader was there. */
  keep(change) {
    change();
    if (this.following) this.toEnd();
    else latest.hidden = this.atEnd();
  },

  toEnd() {
    log.scrollTop = log.scrollHeight;
    this.following = true;
    latest.hidden = true;
  },
};

log.addEventListener("scroll", () => {
  scroll.following = scroll.atEnd();
  if (scroll.following) latest.hidden = true;
}, { passive: true });
latest.addEventListener("click", () => scroll.toEnd());
new ResizeObserver(() => scroll.following && scroll.toEnd()).observe(log);

// ---- Drawing ----

/** What each drawn block was made from, so that a growing answer redraws only the blocks that changed. */
const sources = new WeakMap();

function drawHtml(container, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const blocks = Array.from(template.content.childNodes).filter((node) => node.nodeType === Node.ELEMENT_NODE || node.textContent.trim());
  const drawn = Array.from(container.childNodes);
  blocks.forEach((block, index) => {
    const source = block.outerHTML ?? block.textContent;
    if (drawn[index] && sources.get(drawn[index]) === source) return;
    const finished = withCopyButtons(block);
    sources.set(finished, source);
    if (drawn[index]) drawn[index].replaceWith(finished);
    else container.append(finished);
  });
  drawn.slice(blocks.length).forEach((node) => node.remove());
}

function withCopyButtons(block) {
  if (block.nodeType !== Node.ELEMENT_NODE) return block;
  const holder = make("div");
  holder.append(block);
  for (const pre of holder.querySelectorAll("pre")) {
    const code = make("div", "code");
    const copy = make("button", "copy", "Copy");
    copy.type = "button";
    copy.setAttribute("aria-label", "Copy this code");
    pre.tabIndex = 0;
    pre.replaceWith(code);
    code.append(pre, copy);
  }
  return holder.firstChild;
}

turns.addEventListener("click", async (event) => {
  const link = event.target.closest("a[href^='http']");
  if (link) link.target = "_blank";
  const copy = event.target.closest(".copy");
  if (!copy) return;
  try {
    await navigator.clipboard.writeText(copy.previousElementSibling.textContent);
    copy.textContent = "Copied";
  } catch {
    copy.textContent = "Not allowed";
  }
  setTimeout(() => { copy.textContent = "Copy"; }, 1500);
});

function turn(className, speaker) {
  const article = make("article", `turn ${className}`);
  article.append(make("h2", "", speaker));
  turns.append(article);
  empty.hidden = true;
  return article;
}

function personTurn(text, images = 0) {
  const article = turn("person", "You");
  article.append(make("span", "", text || (images ? `${images} image${images > 1 ? "s" : ""}` : "")));
}

function seconds(milliseconds) {
  const value = milliseconds / 1000;
  return value < 10 ? `${value.toFixed(1)} s` : value < 100 ? `${Math.round(value)} s` : `${Math.round(value / 60)} min`;
}

/** One answer: its texts, reasoning and tool calls in the order they happened, and what it waits for. */
class Answer {
  constructor(runId) {
    this.runId = runId;
    this.article = turn("answer", "Hearth");
    this.steps = new Map();
    this.tools = new Map();
    this.waiting = null;
    this.thought = null;
  }

  add(element) {
    this.article.insertBefore(element, this.waiting);
    return element;
  }

  step(number, html) {
    this.thought = null;
    let prose = this.steps.get(number);
    if (!prose) this.steps.set(number, (prose = this.add(make("div", "prose"))));
    drawHtml(prose, html);
  }

  /** Puts a folded line at the end, next to the one before it. */
  line(name, title) {
    const details = make("details", "tool");
    const summary = make("summary");
    const time = make("span", "time");
    summary.append(make("span", "name", name), make("span", "title", title), time);
    details.append(summary);
    const last = this.waiting ? this.waiting.previousElementSibling : this.article.lastElementChild;
    if (last?.classList.contains("tools")) last.append(details);
    else this.add(make("div", "tools")).append(details);
    return { details, time, output: null };
  }

  tool(callId, name, title) {
    this.thought = null;
    const line = this.line(name, title);
    this.tools.set(callId, line);
    return line;
  }

  toolOutput(callId, text, replace) {
    const line = this.tools.get(callId);
    if (!line || (!text && !line.output)) return;
    if (!line.output) {
      line.output = make("pre");
      line.output.tabIndex = 0;
      line.details.append(line.output);
    }
    if (replace) line.output.textContent = text;
    else line.output.append(text);
  }

  toolEnded(callId, { failed, elapsedMs }) {
    const line = this.tools.get(callId);
    if (!line) return;
    line.details.classList.toggle("failed", failed);
    const time = elapsedMs === undefined ? "" : seconds(elapsedMs);
    line.time.textContent = failed ? ["failed", time].filter(Boolean).join(", ") : time;
  }

  think(text) {
    if (!this.thought) {
      this.thought = this.line("thought", "");
      this.thought.output = make("p");
      this.thought.details.append(this.thought.output);
    }
    this.thought.output.append(text);
  }

  /** Shows what is being waited for; nothing hides the line. */
  wait(text) {
    if (!text) {
      this.waiting?.remove();
      this.waiting = null;
      return;
    }
    if (!this.waiting) {
      this.waiting = make("p", "waiting");
      this.article.append(this.waiting);
    }
    this.waitingText = text;
    this.waitingSince = Date.now();
    this.drawWaiting();
  }

  drawWaiting() {
    if (!this.waiting) return;
    const elapsed = Math.floor((Date.now() - this.waitingSince) / 1000);
    this.waiting.textContent = elapsed < 2 ? `${this.waitingText}…` : `${this.waitingText}, ${elapsed} s`;
  }

  error(message, hint) {
    const card = make("div", "card error");
    card.setAttribute("role", "alert");
    card.append(make("p", "what", message));
    if (hint) card.append(make("p", "", hint));
    this.add(card);
  }

  note(text) {
    this.add(make("p", "note", text));
  }
}

// ---- The conversation ----

const chat = {
  session: null,
  /** Answers that are not finished, by run. */
  running: new Map(),
  /** Messages whose arrival was not confirmed; sent again after a break, under the same id. */
  unconfirmed: new Map(),
  reload: null,

  onConnected(hello) {
    const defaults = hello.snapshot.sessionDefaults;
    this.session = decodeURIComponent(location.hash.slice(1)) || defaults.mainSessionKey;
    status.textContent = "";
    this.refreshButtons();
    this.loadHistory();
    for (const [runId, message] of this.unconfirmed) this.deliver(runId, message);
  },

  onDisconnected() {
    status.textContent = "Connection lost. Trying again…";
    this.refreshButtons();
  },

  onSignedOut() {
    status.textContent = "";
    if (document.querySelector(".card.signed-out")) return;
    const card = make("div", "card signed-out");
    card.setAttribute("role", "alert");
    card.append(make("p", "what", "This browser is no longer signed in."));
    card.append(make("p", "", "Type “hearth open” on the machine where Hearth runs, and follow the link it prints."));
    turns.append(card);
    empty.hidden = true;
    scroll.toEnd();
  },

  /** Draws the conversation anew. Only the newest of several requests counts. */
  async loadHistory() {
    const mine = (this.reload = {});
    let history;
    try {
      history = await gateway.ask("chat.history", { sessionKey: this.session, limit: HISTORY_LIMIT });
    } catch (error) {
      if (gateway.ready && this.reload === mine) status.textContent = `The conversation can’t be read: ${error.message}`;
      return;
    }
    if (this.reload !== mine) return;
    const info = history.sessionInfo ?? {};
    model.textContent = [info.modelProvider, info.model].filter(Boolean).join(" / ");
    scroll.keep(() => this.drawHistory(history));
  },

  drawHistory(history) {
    turns.replaceChildren();
    this.running.clear();
    if (history.hasMore) turns.append(make("p", "note", `The latest ${history.messages.length} of ${history.totalMessages} messages.`));
    let answer = null;
    for (const message of history.messages) answer = drawMessage(message, answer);
    const run = history.inFlightRun;
    if (run) {
      answer ??= new Answer(run.runId);
      answer.runId = run.runId;
      answer.joined = true;
      // Steps of the transcript have numbers below zero: those of the events begin anew.
      if (run.html) answer.step(run.step, run.html);
      this.running.set(run.runId, answer);
      answer.wait("working");
    }
    for (const [runId, message] of this.unconfirmed) {
      personTurn(message);
      this.answerOf(runId).wait("sending");
    }
    empty.hidden = turns.childElementCount > 0;
    this.refreshButtons();
  },

  answerOf(runId) {
    let answer = this.running.get(runId);
    if (!answer) {
      answer = new Answer(runId);
      this.running.set(runId, answer);
      this.refreshButtons();
    }
    return answer;
  },

  onEvent(name, payload) {
    if (name === "hearth.resync") return this.loadHistory();
    if (name === "shutdown") {
      status.textContent = "Hearth is stopping.";
      return;
    }
    if (payload.sessionKey !== this.session) return;
    if (name === "sessions.changed" && payload.reason === "reset") return this.loadHistory();
    if (name === "agent") scroll.keep(() => this.onAgent(payload));
    if (name === "chat") scroll.keep(() => this.onChat(payload));
  },

  onAgent({ runId, stream, data }) {
    if (stream === "lifecycle" && data.phase === "start") {
      // Said in another window, or in a chat somewhere else.
      if (!this.running.has(runId) && data.input !== undefined) personTurn(data.input);
      return this.answerOf(runId).wait("thinking");
    }
    const answer = this.running.get(runId);
    if (!answer) return;
    if (stream === "run_status") answer.wait(data.text);
    if (stream === "thinking") {
      answer.think(data.delta);
      if (answer.waitingText !== "thinking") answer.wait("thinking");
    }
    if (stream === "tool") this.onTool(answer, data);
  },

  onTool(answer, data) {
    const { phase, toolCallId: id } = data;
    if (phase === "start") {
      answer.tool(id, data.name, data.title);
      answer.wait(`running ${data.name}`);
    }
    if (phase === "update") answer.toolOutput(id, data.partialResult, false);
    if (phase === "result") {
      answer.toolOutput(id, data.result, true);
      answer.toolEnded(id, { failed: data.isError, elapsedMs: data.durationMs });
      answer.wait("thinking");
    }
  },

  onChat(event) {
    const { runId, state } = event;
    if (state === "delta") {
      const answer = this.answerOf(runId);
      answer.wait(null);
      if (event.html !== undefined) answer.step(event.step, event.html);
      return;
    }
    const known = this.running.get(runId);
    if (!known && state === "aborted") return;
    const answer = known ?? this.answerOf(runId);
    answer.wait(null);
    if (event.html) answer.step(event.step, event.html);
    if (state === "aborted") answer.note("Stopped. What was done is kept.");
    if (state === "error") answer.error(event.errorMessage, event.hint);
    if (event.stopReason === "length") answer.note("The answer was cut off: it reached the model’s limit.");
    this.running.delete(runId);
    this.refreshButtons();
    this.say(state, answer, event);
    // Whoever joined in the middle saw only the end of it.
    if (answer.joined) this.loadHistory();
  },

  say(state, answer, event) {
    const texts = { aborted: "Stopped.", error: `Error: ${event.errorMessage}. ${event.hint ?? ""}` };
    const prose = Array.from(answer.article.querySelectorAll(".prose"), (element) => element.innerText);
    announce.textContent = texts[state] ?? `Hearth: ${prose.at(-1) ?? "done"}`;
    if (document.hidden) document.title = "● Hearth";
  },

  submit(text) {
    const runId = newId();
    this.unconfirmed.set(runId, text);
    scroll.following = true;
    scroll.keep(() => {
      personTurn(text);
      this.answerOf(runId).wait("sending");
    });
    this.deliver(runId, text);
  },

  async deliver(runId, message) {
    if (!gateway.ready) return;
    try {
      await gateway.ask("chat.send", { sessionKey: this.session, message, idempotencyKey: runId });
      this.unconfirmed.delete(runId);
      const answer = this.running.get(runId);
      if (answer?.waitingText === "sending" && answer.waiting) answer.wait(this.running.size > 1 ? "waiting for its turn" : "thinking");
    } catch (error) {
      // A lost connection is no refusal: the message goes out again when it is back.
      if (!gateway.ready) return;
      this.unconfirmed.delete(runId);
      scroll.keep(() => this.onChat({ runId, state: "error", errorMessage: error.message, hint: "" }));
    }
  },

  abort() {
    if (this.running.size > 0) gateway.ask("chat.abort", { sessionKey: this.session }).catch(() => {});
  },

  async startNew() {
    try {
      await gateway.ask("sessions.reset", { key: this.session });
      box.focus();
    } catch (error) {
      status.textContent = `No new conversation: ${error.message}`;
    }
  },

  refreshButtons() {
    const busy = this.running.size > 0;
    stop.hidden = !busy;
    send.hidden = busy && !box.value.trim();
    send.disabled = !gateway.ready || !box.value.trim();
  },
};

/** Draws one message of the history; returns the answer that what follows belongs to. */
function drawMessage(message, answer) {
  const blocks = message.content;
  const text = () => blocks.filter((block) => block.type === "text").map((block) => block.text).join("");
  if (message.role === "user") {
    personTurn(text(), blocks.filter((block) => block.type === "image").length);
    return null;
  }
  if (message.role === "toolResult") {
    answer?.toolOutput(message.toolCallId, text(), true);
    answer?.toolEnded(message.toolCallId, { failed: message.isError });
    return answer;
  }
  answer ??= new Answer(null);
  for (const block of blocks) if (block.type === "thinking" && block.thinking) answer.think(block.thinking);
  answer.thought = null;
  if (message.html) answer.step(-1 - answer.steps.size, message.html);
  for (const block of blocks) if (block.type === "toolCall") answer.tool(block.id, block.name, block.title);
  if (message.stopReason === "error") answer.error(message.errorMessage ?? "The model failed.", "");
  if (message.stopReason === "aborted") answer.note("Stopped. What was done is kept.");
  return answer;
}

setInterval(() => chat.running.forEach((answer) => answer.drawWaiting()), 1000);

// ---- What the person does ----

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = box.value.trim();
  if (!text || !gateway.ready) return;
  box.value = "";
  fitBox();
  chat.submit(text);
});

box.addEventListener("keydown", (event) => {
  const touch = matchMedia("(pointer: coarse)").matches;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !touch) {
    event.preventDefault();
    form.requestSubmit();
  }
});

function fitBox() {
  if (!CSS.supports("field-sizing", "content")) {
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }
  chat.refreshButtons();
}
box.addEventListener("input", fitBox);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) chat.abort();
});
stop.addEventListener("click", () => {
  chat.abort();
  box.focus();
});
byId("new").addEventListener("click", () => chat.startNew());
empty.addEventListener("click", (event) => {
  const example = event.target.closest(".examples button");
  if (example && gateway.ready) chat.submit(example.textContent);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) document.title = "Hearth";
});
addEventListener("hashchange", () => gateway.ready && location.reload());

const themes = ["system", "light", "dark"];
const themeButton = byId("theme");
function showTheme() {
  const theme = document.documentElement.dataset.theme ?? "system";
  themeButton.title = `Theme: ${theme}`;
  themeButton.setAttribute("aria-label", themeButton.title);
  return theme;
}
themeButton.addEventListener("click", () => {
  const theme = themes[(themes.indexOf(showTheme()) + 1) % themes.length];
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("hearth-theme", theme);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
  showTheme();
});

showTheme();
chat.refreshButtons();
gateway.open();
