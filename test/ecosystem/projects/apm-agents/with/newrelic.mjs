/** New Relic's agent, which writes its transactions to a file instead of sending them to its collector. */
import { appendFileSync } from "node:fs";
import newrelic from "newrelic";

const { agent } = newrelic;
agent.on("transactionFinished", (transaction) => {
  const segments = [];
  const walk = (segment, parentId) => {
    segments.push({ name: segment.name, spanId: segment.id, parentId });
    for (const child of transaction.trace.getChildren(segment.id)) walk(child, segment.id);
  };
  walk(transaction.trace.root, transaction.parentSpanId);
  const { name, traceId, type } = transaction;
  appendFileSync(
    process.env.NEW_RELIC_SPANS,
    `${JSON.stringify({ service: process.env.NEW_RELIC_APP_NAME, name, traceId, type, segments })}\n`,
  );
});
