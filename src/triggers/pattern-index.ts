/**
 * Pattern index: whose pattern matches a channel, found segment by segment, so that a tenant with ten thousand listeners
 * costs a publisher no more than one with ten.
 */

import type { Subscription } from '../core/event.ts';

interface Node {
  readonly segments: Map<string, Node>;
  /** Whose pattern ends here. */
  readonly here: Map<string, Subscription>;
  /** Whose pattern goes on with `**`. */
  readonly rest: Map<string, Subscription>;
}

export interface Matches {
  readonly subscriptions: readonly Subscription[];
  /** How many places were looked at. */
  readonly steps: number;
}

const REST = '**';

export class PatternIndex {
  readonly #root: Node = newNode();

  get isEmpty(): boolean {
    return isEmpty(this.#root);
  }

  add(subscription: Subscription): void {
    const segments = subscription.pattern.split(':');
    const isOpen = segments.at(-1) === REST;
    if (isOpen) segments.pop();
    let node = this.#root;
    for (const segment of segments) {
      const next = node.segments.get(segment) ?? newNode();
      node.segments.set(segment, next);
      node = next;
    }
    (isOpen ? node.rest : node.here).set(subscription.name, subscription);
  }

  remove({ pattern, name }: Subscription): void {
    const segments = pattern.split(':');
    if (segments.at(-1) === REST) segments.pop();
    const path = [this.#root];
    for (const segment of segments) {
      const next = path.at(-1)!.segments.get(segment);
      if (next === undefined) return;
      path.push(next);
    }
    path.at(-1)!.here.delete(name);
    path.at(-1)!.rest.delete(name);
    for (let depth = segments.length; depth > 0 && isEmpty(path[depth]!); depth -= 1)
      path[depth - 1]!.segments.delete(segments[depth - 1]!);
  }

  /** `*`: one segment; `**`: one or more to the end. */
  matching(channel: string): Matches {
    const segments = channel.split(':');
    const subscriptions: Subscription[] = [];
    let nodes: Node[] = [this.#root];
    let steps = 1;
    for (const segment of segments) {
      const next: Node[] = [];
      for (const node of nodes) {
        subscriptions.push(...node.rest.values());
        for (const found of [node.segments.get(segment), node.segments.get('*')])
          if (found !== undefined) next.push(found);
      }
      nodes = next;
      steps += nodes.length;
    }
    for (const { here } of nodes) subscriptions.push(...here.values());
    return { subscriptions, steps };
  }
}

const newNode = (): Node => ({ segments: new Map(), here: new Map(), rest: new Map() });

const isEmpty = ({ segments, here, rest }: Node): boolean => segments.size === 0 && here.size === 0 && rest.size === 0;
