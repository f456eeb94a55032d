import { hello } from "../../../lib/services.js";

export const dynamic = "force-dynamic";

export const GET = async () => Response.json({ answer: await hello("Ada"), parent: process.pid });
