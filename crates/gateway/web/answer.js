// One answer on the page. Its HTML arrives from the gateway, rendered and safe.

/** Makes an element with a class and text. */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

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

/** Sets a text in which `code` stands between backquotes. */
export function drawCode(element, text) {
  text.split("`").forEach((part, index) => element.append(index % 2 ? make("code", "", part) : part));
  return element;
}

/** What took no time to speak of takes no room either. */
function seconds(milliseconds) {
  const value = milliseconds / 1000;
  if (value < 0.05) return "";
  return value < 10 ? `${value.toFixed(1)} s` : value < 100 ? `${Math.round(value)} s` : `${Math.round(value / 60)} min`;
}

/** One answer: its texts, reasoning and tool calls in the order they happened, and what it waits for. */
export class Answer {
  constructor(article) {
    this.article = article;
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
    card.append(drawCode(make("p", "what"), message));
    if (hint) card.append(drawCode(make("p"), hint));
    this.add(card);
  }

  note(text) {
    this.add(make("p", "note", text));
  }
}
