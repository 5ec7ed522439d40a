// One exchange with the real endpoint: seal, post to the proxy (which adds the signature that needs the app secret),
// follow the protocol's statuses, open the reply. Every exchange is reported to the wire drawer.

import { api } from "./dom.js";
import { readPublicKey, seal } from "./seal.js";

/** The client gives up after ten seconds, like the real one. */
const timeoutMs = 10_000;

/** A wait before a request is sealed with the refreshed key. */
const rekeyMs = 500;

/** What a person is told, and whether trying again can help. */
export class FlowError extends Error {
  constructor(text, { retry = true, closes = false } = {}) {
    super(text);
    this.retry = retry;
    this.closes = closes;
  }
}

const generic = "Something went wrong. Please try again.";

export class Transport {
  #pem;
  #key;
  #report;

  constructor(pem, report) {
    this.#pem = pem;
    this.#report = report;
  }

  /** Sends a message and returns the decrypted answer, or throws a FlowError. */
  async exchange(message) {
    let reply = await this.#once(message);
    if (reply.status === 421) {
      // The business changed its key: fetch it and send the message once more.
      await new Promise((done) => setTimeout(done, rekeyMs));
      ({ public_key: this.#pem } = await api("api/key"));
      this.#key = undefined;
      reply = await this.#once(message);
      if (reply.status === 421) throw new FlowError("The business could not read the message.", { retry: false });
    }
    if (reply.status === 427) {
      const text = reply.answer?.error_msg || "This form is no longer available.";
      throw new FlowError(text, { retry: false, closes: true });
    }
    if (reply.status === 504) throw new FlowError("The business took too long to answer.");
    if (reply.status !== 200) throw new FlowError(generic);
    return reply.answer;
  }

  async #once(message) {
    this.#key ??= await readPublicKey(this.#pem);
    const sealed = await seal(this.#key, message);
    const entry = { request: message, envelope: sealed.body, sent: sealed.size, status: 0, answer: null };
    const began = performance.now();
    try {
      const reply = await this.#post(sealed.body);
      entry.ms = performance.now() - began;
      entry.status = reply.status;
      entry.received = reply.body.length;
      entry.answer = await this.#open(sealed, reply);
      return { status: reply.status, answer: entry.answer };
    } catch (error) {
      entry.ms ??= performance.now() - began;
      entry.note = error.message;
      throw error;
    } finally {
      this.#report(entry);
    }
  }

  async #post(body) {
    try {
      const response = await fetch("api/flow", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const { status, body: text } = await response.json();
      return { status: Number(status), body: String(text ?? "") };
    } catch (error) {
      throw new FlowError(error.name === "TimeoutError" ? "The business took too long to answer." : generic);
    }
  }

  /** Opens the body of a 200, and of a 427 that has one. Other bodies are ignored. */
  async #open(sealed, { status, body }) {
    if (status !== 200 && !(status === 427 && body !== "")) return null;
    try {
      return await sealed.open(body);
    } catch {
      throw new FlowError("The answer could not be decrypted.", { retry: false });
    }
  }
}
