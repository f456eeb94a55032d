/**
 * The main entry point: define services, configure pools, call methods and serve them.
 *
 * @module
 */
import "./contract/process/runtime-check.ts";

export { createFlame, flame, flameService } from "./flame.ts";
export { FlameService } from "./flame-service.ts";
export { currentInvocation } from "./current-invocation.ts";
export { defineMethod } from "./contract/api/service.ts";
export { createRegistry } from "./contract/api/registry.ts";
export { toEffect } from "./contract/api/remote-method.ts";
export { onFlush } from "./contract/process/flush.ts";
export { buffer, reactive, targetUtilization } from "./contract/config/scaling.ts";
export { ConfigError, FlameError, FlameMethodError, InvokeError, RegistryError } from "./contract/errors.ts";

export type { Flame, FlameParts, MetricsReader } from "./flame.ts";
export type {
  EffectFunctionMaker,
  EffectServiceMaker,
  FunctionMaker,
  ServiceFactories,
  ServiceMaker,
} from "./service-factories.ts";
export type {
  AnyMethodDefinition,
  DefineMethod,
  MethodDefinition,
  PlainMethod,
  ServiceDefinition,
  ServiceMember,
} from "./contract/api/service.ts";
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
} from "./contract/api/remote-method.ts";
export type { Items, MapOptions, MapOutcome } from "./contract/api/fan-out.ts";
export type { Job, JobStatus } from "./contract/api/job.ts";
export type { MapRun } from "./contract/api/map-result.ts";
export type {
  FlameClassDecorator,
  FlameMethodDecorator,
  MethodDecoratorMaker,
  MethodOptions,
  ServiceDecorator,
  ServiceOptions,
} from "./contract/api/decorators.ts";
export type { InstanceFactory } from "./contract/api/class-instance.ts";
export type { MethodRegistration, RegisteredMethod, RegisteredService, Registry } from "./contract/api/registry.ts";
export type {
  CallError,
  Executed,
  FlameErrorCode,
  FlameErrorContext,
  Phase,
  RemoteFailure,
  RpcStatus,
} from "./contract/errors.ts";
export type { CallSite } from "./contract/process/call-site.ts";
export type { FlushHookOptions } from "./contract/process/flush.ts";
export type { DefinitionOptions } from "./contract/config/definition-options.ts";
export type { Isolation, IsolationOptions } from "./contract/config/isolation.ts";
export type {
  IdempotencyClaim,
  IdempotencyOptions,
  IdempotencyState,
  IdempotencyStore,
} from "./contract/config/idempotency.ts";
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
  Transport,
  RetryCondition,
  RetryOptions,
  SecurityOptions,
  SigningKeyOptions,
  StaticRunner,
  TelemetryOptions,
  TlsOptions,
} from "./contract/config/options.ts";
export type { IdlePredicate, IdleRunner, PoolBounds } from "./contract/config/pool-bounds.ts";
export type { ScalingDecision, ScalingPolicy, ScalingSnapshot } from "./contract/config/scaling.ts";
export type { PoolHandle, PoolStats } from "./parent/pool/stats.ts";
export type { PoolSnapshot } from "./telemetry/telemetry.ts";
export type { InvocationContext } from "./contract/api/invocation.ts";
export type { TraceCarrier } from "./contract/wire/envelope.ts";
export type { Backend, EffectOrPromise, RunnerExit, RunnerHandle, SpawnRequest } from "./contract/config/backend.ts";
export type { RunnerServerOptions } from "./runner/options.ts";
export type { RunnerHook, RunnerHookContext, RunnerHooks } from "./contract/config/runner-hooks.ts";
export type { RunnerServer } from "./runner/server.ts";
export type { StopOptions } from "./runner/lifecycle/shutdown.ts";
