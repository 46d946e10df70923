// Text to tokens and back, as `Vocabulary` does it: 0 is padding, 1 any unknown token, 2 the start, 3 the end.

export const UNKNOWN = 1;
export const START = 2;
export const END = 3;
const OWN = 4;
const WORD = / ?[\p{L}\p{N}'’]+| ?[^\s\p{L}\p{N}'’]+|\s/gu;

export class Words {
  constructor({ level, tokens }) {
    this.level = level;
    this.tokens = ["", "�", "", "", ...tokens];
    this.numbers = new Map(tokens.map((token, i) => [token, i + OWN]));
  }

  encode(text) {
    const split = {
      character: () => [...text],
      word: () => text.match(WORD) ?? [],
      given: () => text.split(/\s+/).filter(Boolean),
    };
    return split[this.level]().map((token) => this.numbers.get(token) ?? UNKNOWN);
  }

  decode(numbers) {
    return Array.from(numbers, (number) => this.tokens[number]).join(this.level === "given" ? " " : "");
  }

  // How one token looks.
  shown(number) {
    const special = ["∅", "�", "start", "end"][number];
    return special ?? this.tokens[number].replaceAll(" ", "␣").replaceAll("\n", "↵").replaceAll("\t", "⇥");
  }
}
