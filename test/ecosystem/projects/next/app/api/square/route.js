import { Numbers } from "../../../lib/services.js";

export const dynamic = "force-dynamic";

export const GET = async () => Response.json({ answer: await Numbers.square(7) });
