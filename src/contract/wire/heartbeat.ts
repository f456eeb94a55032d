/**
 * Heartbeats tell a runner that its parent is alive. The parent sends a signed request to a reserved method; a runner
 * that expects heartbeats exits if it receives none for too long.
 */

/** The reserved service id, which users cannot register. */
export const RESERVED_SERVICE = "$firelight";

/** The method of a heartbeat. It runs nothing and does not count as an invocation. */
export const HEARTBEAT_METHOD: string = `${RESERVED_SERVICE}/heartbeat`;

/** Maximum time that a runner waits for a heartbeat, in milliseconds; absent if heartbeats are not expected. */
export const ORPHAN_TIMEOUT_VARIABLE = "FLAME_ORPHAN_TIMEOUT_MS";

/** Heartbeats per timeout, so that two may be lost. */
export const heartbeatsPerTimeout = 3;
