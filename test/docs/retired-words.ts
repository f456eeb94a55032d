/**
 * Words and phrases that this project does not use, each with a standard one. A legitimate technical use is excluded by the
 * pattern itself, such as `trouble` in "troubleshooting".
 */

/** A retired word. */
export interface RetiredWord {
  /** Matches the word in prose, comments and messages. */
  readonly pattern: RegExp;
  /** The standard word or phrase. */
  readonly instead: string;
}

/** A hit of a retired word in a text. */
export interface RetiredWordHit {
  /** Counted from 1. */
  readonly line: number;
  readonly found: string;
  readonly instead: string;
}

const retired = (pattern: RegExp, instead: string): RetiredWord => ({ pattern, instead });

/** The list. */
export const retiredWords: ReadonlyArray<RetiredWord> = [
  // Archaic and literary turns.
  retired(/\bin vain\b/i, "without success; then timed out"),
  retired(/\blest\b/i, "so that … does not"),
  retired(/\banew\b/i, "again"),
  retired(/\bwhoever\b/i, "any caller that; anyone who"),
  retired(/\bfor want of\b/i, "out of; without"),
  retired(/\bwant of memory\b/i, "out of memory"),
  retired(/\btells? of\b/i, "reports"),
  retired(/\b(?:is|are|was|were|be|been) told\b/i, "gets; is notified"),
  retired(/\btold (?:apart|by|to)\b/i, "distinguished; sent by; sent to"),
  retired(/\bin earnest\b/i, "(leave it out)"),
  retired(/\bfrom cheap to dear\b/i, "cheapest check first"),
  retired(/\bthe dear (?:checks?|steps?)\b/i, "the expensive steps"),
  retired(/, for (?:it|they|that|nobody) (?:would|will|can|could|is|are|was)\b/i, "because"),
  retired(/\breckon(?:ed|s)?\b/i, "compute"),
  retired(/\bto the letter\b/i, "exactly"),
  retired(/\bas ever\b/i, "as usual"),
  retired(/\bnobody (?:has )?asked\b/i, "(say what happens)"),
  retired(/\bnothing to nobody\b/i, "a no-op"),
  retired(/\bat the pace of the day\b/i, "timing still varies"),
  retired(/\bcannot travel\b/i, "is invalid; cannot be sent"),
  retired(/\bnobody needs any more\b/i, "no longer needed"),
  retired(/\bsome \d[\d,]* /i, "about"),
  retired(/\bunder way\b/i, "in progress"),
  retired(/\btried again\b/i, "retried"),

  // Pictures instead of terms.
  retired(/\b(?:the|our|this) house\b|\bhouse (?:rules?|style)\b/i, "code base; code conventions"),
  retired(/\bthe rooms\b|\b(?:one|which|every|each|another|its own) room\b/i, "module"),
  retired(/\bfront door\b/i, "entry point"),
  retired(/\bseams?\b/i, "interface"),
  retired(/\bwalks? (?:up|down|through|back)\b/i, "traverse; read"),
  retired(/\bthe way of a (?:call|request)\b/i, "path of a call"),
  retired(/\b(?:story|stories)\b/i, "report; explanation"),
  retired(/\bfates?\b/i, "outcome"),
  retired(/\bverdicts?\b/i, "action; result"),
  retired(/\bjudge(?:d|s|ment)?\b|\bjudgment\b/i, "check; evaluate"),
  retired(/\b(?:the|its|our|by the) books?\b|\bbooks (?:balance|calls?)\b/i, "ledger; reconciliation"),
  retired(/\bnews\b/i, "event"),
  retired(/\btroubles?\b(?!\.ts|shoot)/i, "fault; error"),
  retired(/\bforsakes?\b|\bforsaken\b/i, "fail the calls"),
  retired(/\bhopeless\b/i, "deadline unreachable"),
  retired(/\badrift\b/i, "unaccounted"),
  retired(/\bvouch(?:ed|es)? for\b/i, "acknowledge"),
  retired(/\brightly\b/i, "as expected"),
  retired(/\bmoody\b/i, "flaky"),

  // Spelling: American English.
  retired(/\bcatalogues?\b/i, "catalog"),
  retired(/\bcolours?\b/i, "color"),
  retired(/\bbehaviours?\b/i, "behavior"),
  retired(/\b[Cc]ancell(?:ed|ing)\b/, "canceled, canceling"),
  retired(/\bmisspelt\b/i, "misspelled"),
  retired(/\bentrypoints?\b/, "entry point"),
  retired(/(?<!-)\btime-outs?\b/i, "timeout"),

  // Numbers.
  retired(/\d %(?!\w)/, "no space before the percent sign"),
  retired(/\b\d{1,3} 000\b/, "30,000, or 30_000 in code"),
];

/** The hits in a text, also where a phrase or a comment continues on the next line. */
export const findRetiredWords = (text: string): ReadonlyArray<RetiredWordHit> => {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/^\s*(?:\*(?!\*)|\/\/|#|>)?\s*/, ""));
  const flat = lines.join(" ");
  const starts: Array<number> = [];
  let start = 0;
  for (const line of lines) {
    starts.push(start);
    start += line.length + 1;
  }
  return retiredWords
    .flatMap(({ pattern, instead }) =>
      [...flat.matchAll(new RegExp(pattern, `${pattern.flags}g`))].map(({ 0: found, index }) => ({
        line: starts.findLastIndex((at) => at <= index) + 1,
        found,
        instead,
      })),
    )
    .toSorted((left, right) => left.line - right.line);
};
