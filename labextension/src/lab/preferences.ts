/** What the user set, and how to change it from a command or a button. */
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Token } from '@lumino/coreutils';
import { Signal, type ISignal } from '@lumino/signaling';

export interface Values {
  followNotebook: boolean;
  notifications: boolean;
  notifyOnFailure: boolean;
  /** Seconds a run must have taken for its end to be told; null: never. */
  notifyOnEndAfter: number | null;
  notifyWhenSlow: boolean;
  /** Of processes and of agents that aren't heard any more. */
  notifyOnSilence: boolean;
  notifyOnRetryLoop: boolean;
  /** Only what somebody wants; what the browser allows is another matter. */
  browserNotifications: boolean;
  mutedProjects: readonly string[];
  statusBar: boolean;
  /** Null: without end. */
  maxReconnectAttempts: number | null;
}

/** As in `schema/settings.json`. */
export const DEFAULTS: Values = {
  followNotebook: true,
  notifications: true,
  notifyOnFailure: true,
  notifyOnEndAfter: 60,
  notifyWhenSlow: false,
  notifyOnSilence: true,
  notifyOnRetryLoop: true,
  browserNotifications: false,
  mutedProjects: [],
  statusBar: true,
  maxReconnectAttempts: null
};

/** A project's id beyond so many is forgotten, oldest first: what was muted long ago is rarely there any more. */
const MOST_MUTED = 200;

type Stored = Pick<ISettingRegistry.ISettings, 'composite' | 'set'> & {
  readonly changed: ISignal<unknown, unknown>;
};

/** The settings as they are at the moment; the defaults until they were read, and where they can't be. */
export class Preferences {
  private current = DEFAULTS;
  private stored: Stored | null = null;
  private readonly whenChanged = new Signal<this, Values>(this);

  get values(): Values {
    return this.current;
  }

  get changed(): ISignal<this, Values> {
    return this.whenChanged;
  }

  /** From now on these are the settings. */
  use(stored: Stored): void {
    this.stored = stored;
    stored.changed.connect(() => this.read());
    this.read();
  }

  isMuted(projectId: string): boolean {
    return this.current.mutedProjects.includes(projectId);
  }

  mute(projectId: string, muted: boolean): void {
    const others = this.current.mutedProjects.filter(id => id !== projectId);
    this.set('mutedProjects', muted ? [...others, projectId].slice(-MOST_MUTED) : others);
  }

  /** Counts at once; it is kept where settings can be. */
  set<K extends keyof Values>(name: K, value: Values[K]): void {
    this.become({ ...this.current, [name]: value });
    this.stored?.set(name, value as never).catch((error: unknown) => {
      console.error(`TaskTree: the setting ${name} can’t be kept`, error);
    });
  }

  private read(): void {
    const composite: Record<string, unknown> = this.stored?.composite ?? {};
    const given = Object.entries(composite).filter(
      ([name, value]) => name in DEFAULTS && value !== undefined
    );
    this.become({ ...DEFAULTS, ...(Object.fromEntries(given) as Partial<Values>) });
  }

  private become(values: Values): void {
    this.current = values;
    this.whenChanged.emit(values);
  }
}

export const IPreferences = new Token<Preferences>('tasktree-jupyter:IPreferences', 'TaskTree’s settings.');
