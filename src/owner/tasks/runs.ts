import { z } from 'zod';
import { priceOf } from '../../embedders/prices.ts';
import { BadUsage } from '../../errors.ts';
import type { Report } from '../../records.ts';
import { cancelRun as cancel, followRun, type Progress, type Started, startRun } from '../../runs/backfill.ts';
import { estimateOf } from '../../runs/estimate.ts';
import { startTrial, type Trial } from '../../runs/trial.ts';
import { type Doing, task } from '../task.ts';

type BackfillTold =
  | { readonly is: 'trial'; readonly trial: Pick<Trial, 'projects' | 'files' | 'leftOut'> }
  | { readonly is: 'begun'; readonly run: string; readonly joined: boolean }
  | { readonly is: 'progress'; readonly progress: Omit<Progress, 'run'> }
  /** Of a run that was open before; one of our own follows. */
  | { readonly is: 'joinedEnded'; readonly report: Report };

type BackfillResult =
  | { readonly is: 'ended'; readonly report: Report }
  /** No process runs the flow that it waits for. */
  | { readonly is: 'idle'; readonly reason: string }
  /** It goes on without whoever asked: `stopped` where that was asked for. */
  | { readonly is: 'left'; readonly run: string; readonly stopped: boolean };

const bounds = z.strictObject({ projects: z.number(), files: z.number() });
const scope = z.array(z.string());
const backfillInput = z.strictObject({
  scope,
  /** Does the work in this process too, where services share log and store. */
  standalone: z.boolean(),
  /** A trial. */
  bounds: bounds.exactOptional(),
});
type BackfillInput = z.output<typeof backfillInput>;

export const backfill = task({
  input: backfillInput,
  run(doing: Doing<BackfillTold>, input) {
    const { pipeline, signal } = doing;
    if (input.bounds) return trial(doing, input, input.bounds);
    const start = () => startRun(pipeline.parts, input.scope);
    // What lies in the data directory nobody else can work on.
    if (pipeline.shared && !input.standalone) return toTheEnd(doing, start, signal);
    return pipeline.withFlows((stop) => toTheEnd(doing, start, stop), { stop: signal });
  },
});

/** Flows of a service would go on to whatever else is configured. */
const trial = async (
  doing: Doing<BackfillTold>,
  { scope: words, standalone }: BackfillInput,
  within: z.output<typeof bounds>,
): Promise<BackfillResult> => {
  const { pipeline, signal, tell } = doing;
  if (pipeline.flows().running)
    throw new BadUsage('a service runs here, which indexes all that is configured: a trial comes before it');
  if (pipeline.shared && !standalone)
    throw new BadUsage('a trial does its work in this process: add --standalone, while no service runs');
  const start = async () => {
    const { projects, files, leftOut, ...started } = await startTrial(pipeline.parts, words, within);
    await tell({ is: 'trial', trial: { projects, files, leftOut } });
    return started;
  };
  return pipeline.withFlows((stop) => toTheEnd(doing, start, stop), { stop: signal, clock: false });
};

const toTheEnd = async (
  doing: Doing<BackfillTold>,
  start: () => Promise<Started>,
  stop: AbortSignal,
): Promise<BackfillResult> => {
  const { pipeline, signal, tell } = doing;
  const { run, joined } = await start();
  await tell({ is: 'begun', run: run.id, joined });
  const onProgress = ({ flows, waitsFor, elapsedMs }: Progress) =>
    void tell({ is: 'progress', progress: { flows, waitsFor, elapsedMs } });
  const followed = await followRun(pipeline.parts, run.id, onProgress, stop);
  if (followed.is === 'left') return { is: 'left', run: run.id, stopped: signal.aborted };
  if (followed.is === 'idle') {
    const reason = `run ${run.id} waits for ${followed.flow}, and no process runs that flow: start one with tidemark serve`;
    return { is: 'idle', reason };
  }
  if (!joined) return followed;
  // It may have looked before the newest push, and its owner may be long dead: whoever asks now means the trees of now.
  await tell({ is: 'joinedEnded', report: followed.report });
  return toTheEnd(doing, start, stop);
};

/** Its report, of a run that has one. */
export const cancelRun = task({
  input: z.strictObject({ run: z.string() }),
  run: async ({ pipeline }: Doing, { run }) => (await cancel(pipeline.parts, run)).report ?? null,
});

/** What a backfill would be. */
export const estimate = task({
  input: z.strictObject({ scope }),
  run: ({ pipeline, configured }: Doing, { scope: words }) =>
    estimateOf(pipeline.parts, words, { generation: pipeline.target.name, price: priceOf(configured.embedder) }),
});
