/**
 * How a runner knows that its parent lives: the parent says so in a signed request, to a method that is Firelight's
 * own, and a runner that was told to expect it ends itself when it hears nothing for too long.
 */

/** The id of the service that is Firelight's own; users cannot register it. */
export const RESERVED_SERVICE = "$firelight";

/** What a heartbeat calls. It runs nothing and is not an invocation. */
export const HEARTBEAT_METHOD: string = `${RESERVED_SERVICE}/heartbeat`;

/** How long a runner waits for word from its parent, in milliseconds; left out where nobody promises any. */
export const ORPHAN_TIMEOUT_VARIABLE = "FLAME_ORPHAN_TIMEOUT_MS";

/** Heartbeats within one timeout, so that two may be lost. */
export const heartbeatsPerTimeout = 3;
