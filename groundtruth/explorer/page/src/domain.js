// The declared inputs of a program: enumerated, checked and read from text.

import { keyOf, spell } from "./decoder.js";

export class Domain {
  constructor(data) {
    this.vocab = data.vocab;
    this.min = data.min;
    this.max = data.max;
    this.rule = data.rule;
    this.exhaustive = data.exhaustive;
    this.size = data.size;
    this.listed = data.inputs;
    this.places = new Map(data.vocab.map((token, index) => [keyOf(token), index]));
    this.names = new Map(data.vocab.map((token) => [spell(token), token]));
    this.known = data.inputs && new Set(data.inputs.map((input) => input.join()));
  }

  /** Every input, shortest first; where the domain is too large, the sample that came with the page. */
  inputs() {
    if (!this.all) {
      const rows = this.listed ?? [...this.enumerate()];
      this.all = rows.map((row) => row.map((place) => this.vocab[place]));
    }
    return this.all;
  }

  *enumerate() {
    for (let length = this.min; length <= this.max; length++) {
      const row = new Array(length).fill(0);
      for (;;) {
        yield row.slice();
        let at = length - 1;
        while (at >= 0 && ++row[at] === this.vocab.length) row[at--] = 0;
        if (at < 0) break;
      }
    }
  }

  /** The inputs that a circuit on fixed lengths is about: those of the greatest length that has any. */
  longest() {
    const inputs = this.inputs();
    const length = Math.max(...inputs.map((tokens) => tokens.length));
    return inputs.filter((tokens) => tokens.length === length);
  }

  /** What is wrong with an input, in words; empty if nothing is. */
  problem(tokens) {
    const unknown = tokens.find((token) => !this.places.has(keyOf(token)));
    if (unknown !== undefined) {
      return `“${spell(unknown)}” is not a token of this model; its tokens are ${this.vocab.map(spell).join(" ")}.`;
    }
    if (tokens.length < this.min || tokens.length > this.max) {
      const allowed = this.min === this.max ? `exactly ${this.min}` : `${this.min} to ${this.max}`;
      return `This model takes ${allowed} tokens, and you gave ${tokens.length}.`;
    }
    const places = tokens.map((token) => this.places.get(keyOf(token)));
    if (this.exhaustive && this.known && !this.known.has(places.join())) {
      return `This is not a valid input: ${this.rule}.`;
    }
    return "";
  }

  /** Tokens from text: words separated by spaces or commas. */
  parse(text) {
    const words = text.trim().split(/[\s,]+/).filter(Boolean);
    return words.map((word) => this.names.get(word) ?? word);
  }
}
