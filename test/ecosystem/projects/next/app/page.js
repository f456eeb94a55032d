import { hello } from "../lib/services.js";

export const dynamic = "force-dynamic";

export default async function Page() {
  return <p>{await hello("Page")}</p>;
}
