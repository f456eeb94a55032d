/**
 * The main entry point: define services, configure pools, call methods and serve them.
 *
 * @module
 */
import "./contract/runtime-check.ts";

export { createFlame, flame, flameService } from "./flame.ts";
export { FlameService } from "./flame-service.ts";
export { currentInvocation } from "./current-invocation.ts";
export { defineMethod } from "./contract/service.ts";
export { createRegistry } from "./contract/registry.ts";
export { toEffect } from "./contract/remote.ts";
export { onFlush } from "./contract/flush.ts";
export { buffer, reactive, targetUtilization } from "./contract/scaling.ts";
export { ConfigError, FlameError, FlameMethodError, InvokeError, RegistryError } from "./contract/errors.ts";

export type { Flame, FlameParts, MetricsReader } from "./flame.ts";
export type { EffectFunctionMaker, EffectServiceMaker, FunctionMaker, Makers, ServiceMaker } from "./proxy.ts";
export type {
  AnyMethodDefinition,
  DefineMethod,
  MethodDefinition,
  PlainMethod,
  ServiceDefinition,
  ServiceMember,
} from "./contract/service.ts";
export type {
  EffectMapMethod,
  EffectMethod,
  EffectMethodOf,
  EffectService,
  EffectsOf,
  FanOutMethods,
  IfUnary,
  MapMethod,
  RemoteAsyncFunction,
  RemoteFunctionTools,
  RemoteMethod,
  RemoteMethodOf,
  RemoteService,
  ToEffect,
} from "./contract/remote.ts";
export type { Items, MapOptions, MapOutcome } from "./contract/fan-out.ts";
export type { Job, JobStatus } from "./contract/job.ts";
export type { MapRun } from "./contract/map-run.ts";
export type {
  FlameClassDecorator,
  FlameMethodDecorator,
  MethodDecoratorMaker,
  MethodOptions,
  ServiceDecorator,
  ServiceOptions,
} from "./contract/decorators.ts";
export type { InstanceFactory } from "./contract/class-host.ts";
export type { MethodRegistration, RegisteredMethod, RegisteredService, Registry } from "./contract/registry.ts";
export type {
  CallError,
  Executed,
  FlameErrorCode,
  FlameErrorContext,
  Phase,
  RemoteFailure,
  RpcStatus,
} from "./contract/errors.ts";
export type { CallSite } from "./contract/call-site.ts";
export type { FlushHookOptions } from "./contract/flush.ts";
export type { DefinitionOptions } from "./contract/definition-options.ts";
export type { Isolation, IsolationOptions } from "./contract/isolation.ts";
export type {
  IdempotencyClaim,
  IdempotencyOptions,
  IdempotencyState,
  IdempotencyStore,
} from "./contract/idempotency.ts";
export type {
  CallOptions,
  FlameConfig,
  FlameOptions,
  HedgeOptions,
  Logger,
  MetricsRegistry,
  Mode,
  PoolChange,
  PoolConfig,
  PoolUpdate,
  RecycleOptions,
  RetryBudgetOptions,
  RetryCondition,
  RetryOptions,
  SecurityOptions,
  SigningKeyOptions,
  StaticRunner,
  TelemetryOptions,
  TlsOptions,
} from "./contract/options.ts";
export type { IdlePredicate, IdleRunner, PoolBounds } from "./contract/pool-bounds.ts";
export type { ScalingDecision, ScalingPolicy, ScalingSnapshot } from "./contract/scaling.ts";
export type { PoolHandle, PoolStats } from "./parent/pool/handle.ts";
export type { PoolSnapshot } from "./telemetry/telemetry.ts";
export type { InvocationContext } from "./contract/invocation.ts";
export type { TraceCarrier } from "./contract/envelope.ts";
export type { Backend, EffectOrPromise, RunnerExit, RunnerHandle, SpawnRequest } from "./contract/backend.ts";
export type { RunnerServerOptions } from "./runner/options.ts";
export type { RunnerHook, RunnerHookContext, RunnerHooks } from "./contract/runner-hooks.ts";
export type { RunnerServer } from "./runner/server.ts";
export type { StopOptions } from "./runner/lifecycle.ts";
