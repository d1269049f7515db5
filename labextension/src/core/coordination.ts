/** What sources say of themselves: their agents and their orchestrator. By source; "" where an event had none. Python's `core/coordination.py` is its twin. */
import { fillMap, toObject, type JsonObject } from './json.js';
import type { SourceAgents, SourceOrchestrator, TreeState } from './state.js';

type Kept = Pick<TreeState, 'agents' | 'orchestrators'>;

export class Coordination {
  private readonly agentsOf = new Map<string, SourceAgents>();
  private readonly orchestratorOf = new Map<string, SourceOrchestrator>();

  get agents(): ReadonlyMap<string, SourceAgents> {
    return this.agentsOf;
  }

  get orchestrators(): ReadonlyMap<string, SourceOrchestrator> {
    return this.orchestratorOf;
  }

  /** As the state of a tree has them. */
  get state(): Kept {
    return { agents: toObject(this.agentsOf), orchestrators: toObject(this.orchestratorOf) };
  }

  load({ agents, orchestrators }: Kept): void {
    fillMap(this.agentsOf, agents);
    fillMap(this.orchestratorOf, orchestrators);
  }

  /** `data` of `coordination_update`. */
  coordinate(source: string, timestamp: string, data: JsonObject): void {
    const agents = data.agents as Record<string, JsonObject>;
    const active = (data.active_agents as number | null | undefined) ?? Object.keys(agents).length;
    this.agentsOf.set(source, { active_agents: active, agents, timestamp });
  }

  /** `data` of `orchestrator_started`. */
  started(source: string, timestamp: string, { a2amcp_enabled: enabled }: JsonObject): void {
    const told = typeof enabled === 'boolean' ? { a2amcp_enabled: enabled } : {};
    this.orchestrate(source, timestamp, { status: 'running', ...told });
  }

  stopped(source: string, timestamp: string): void {
    this.orchestrate(source, timestamp, { status: 'stopped' });
  }

  failed(source: string, timestamp: string, error: string): void {
    this.orchestrate(source, timestamp, { error });
  }

  private orchestrate(source: string, timestamp: string, said: Partial<SourceOrchestrator>): void {
    this.orchestratorOf.set(source, { ...this.orchestratorOf.get(source), ...said, timestamp });
  }
}
