/** A word or phrase that the code base no longer uses, and what to write instead. */
export interface RetiredWord {
  readonly pattern: RegExp;
  readonly instead: string;
}

/**
 * Retired words. Each pattern has word boundaries, so identifiers of libraries, such as Effect's `settle`, do not match
 * by accident. Words with a technical meaning elsewhere (`tell` in parsers, `late` in lateral) are listed as phrases only.
 */
export const retiredWords: ReadonlyArray<RetiredWord> = [
  { pattern: /\blest\b/i, instead: "so that … does not" },
  { pattern: /\banew\b/i, instead: "again" },
  { pattern: /\bwhoever\b/i, instead: "name the actor: the caller, the process" },
  { pattern: /\bin vain\b/i, instead: "then timed out, without success" },
  { pattern: /\bfor want of\b/i, instead: "because … is missing" },
  { pattern: /\bin earnest\b/i, instead: "remove it" },
  { pattern: /\bfrom cheap to dear\b/i, instead: "cheapest first" },
  { pattern: /\b(?:is|are|was|were) told (?!apart)/i, instead: "receives, is reported, is notified" },
  { pattern: /\btells? of\b/i, instead: "reports, describes" },
  { pattern: /\btold of\b/i, instead: "reported" },
  { pattern: /\bthe house\b/i, instead: "Firelight, the code base" },
  { pattern: /\bfront door\b/i, instead: "entry point" },
  { pattern: /\bseams?\b/i, instead: "interface" },
  { pattern: /\bthe books\b/i, instead: "ledger, counts" },
  { pattern: /\bfates?\b/i, instead: "outcome" },
  { pattern: /\bverdicts?\b/i, instead: "result, status, state" },
  { pattern: /\bthe story\b/i, instead: "report" },
  { pattern: /\brightly (?:empty|absent|not)\b/i, instead: "expected to be empty" },
  { pattern: /\btried again\b/i, instead: "retried" },
  { pattern: /\btime-outs?\b/i, instead: "timeout" },
  { pattern: /\bspells? it out\b/i, instead: "states" },
  { pattern: /\bcatalogues?\b/i, instead: "catalog" },
  { pattern: /\bcolours?\b/i, instead: "color" },
  { pattern: /\bcancelled\b/, instead: "canceled (CANCELLED is the gRPC status)" },
  { pattern: /\bbehaviors?\b/i, instead: "behavior" },
  { pattern: /\d %(?!\w)/, instead: "no space before the percent sign" },
  { pattern: /\b\d{1,3} 000\b/, instead: "30,000 or 30_000" },
];
