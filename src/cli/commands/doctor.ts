import { optionsOf } from '../../config/pipeline.ts';
import { Untrusted } from '../../config/reach.ts';
import { BadConfiguration, maskedText, messageOf } from '../../errors.ts';
import { asking, dataAccess } from '../../owner/access.ts';
import { findPlace, type Place } from '../../owner/place.ts';
import { quietTelemetry } from '../../owner/quiet.ts';
import type { Status } from '../../runs/status.ts';
import { inLine, printable } from '../../runtime/printable.ts';
import type { FreeAround, FreeCommand } from '../command.ts';
import type { Finding } from '../doctor-checks.ts';
import { EXIT } from '../exit.ts';

const SIGNS = { ok: 'ok    ', warning: 'warn  ', error: 'ERROR ' } as const;

export const doctor: FreeCommand = {
  kind: 'free',
  name: 'doctor',
  summary: 'Checks everything that Tidemark needs, and says how to mend what is wrong.',
  details: 'It ends with 1 if something has to be mended.',
  options: { json: { description: 'Prints a JSON list of findings: level, about, finding, remedy.' } },
  async run(around, args) {
    const found = await findingsOf(around, args.text('pipeline'));
    const findings = found.map((one) => ({ ...one, finding: maskedText(one.finding) }));
    if (args.flag('json')) await around.output.line(JSON.stringify(findings));
    else for (const one of findings) await around.output.line(lineOf(one));
    return findings.some(({ level }) => level === 'error') ? EXIT.failures : EXIT.success;
  },
};

const lineOf = ({ level, about, finding, remedy }: Finding): string =>
  `${SIGNS[level]}${inLine(about)}: ${below(finding)}${remedy === '' ? '' : `\n      ${below(remedy)}`}`;

/** No line of a finding is to be taken for a finding. */
const below = (text: string): string => printable(text).replaceAll('\n', '\n      ');

const findingsOf = async (around: FreeAround, only: string | undefined): Promise<readonly Finding[]> => {
  const { env, cwd, version, stderr } = around;
  // With them comes every adapter, which no other command has to wait for.
  const checks = await import('../doctor-checks.ts');
  const versions = await checks.versionFindings(env, cwd, version);
  let place: Place;
  try {
    place = await findPlace(around);
  } catch (error) {
    const finding = messageOf(error);
    const remedy =
      error instanceof Untrusted ? 'tidemark trust, if it is yours.' : 'Mend it; tidemark init writes one.';
    return [...versions, { level: 'error', about: 'configuration', finding, remedy }];
  }
  const names = only === undefined ? Object.keys(place.config.pipelines) : [only];
  const pipelines = names.map((name) => ({ name, options: optionsOf(place.config, name) }));
  const findings: Finding[] = [
    ...versions,
    { level: 'ok', about: 'configuration', finding: place.file ?? 'none, so the defaults hold', remedy: '' },
    ...checks.settingFindings(place.config),
    ...(await checks.diskFindings(place)),
  ];
  for (const { name, options } of pipelines) {
    findings.push(...(await checks.embedderFindings(name, options)));
    findings.push(...(await checks.rerankerFindings(name, options)));
    findings.push(...(await checks.sourceFindings(options, place, await quietTelemetry(stderr))));
    findings.push(...(await statusFindings(around, place, name)));
  }
  return findings;
};

/** What the process that holds the directory says, or this one in its place. */
const statusFindings = async (
  { stderr, interrupts: { signal } }: FreeAround,
  place: Place,
  pipeline: string,
): Promise<readonly Finding[]> => {
  const about = `pipeline ${pipeline}`;
  const access = dataAccess({ place, telemetry: () => quietTelemetry(stderr) });
  try {
    return judged(about, await asking(access.run, place.config, pipeline, signal)('status', {}));
  } catch (error) {
    const { log, store } = place.config;
    const remedy =
      error instanceof BadConfiguration
        ? 'Do what it says.'
        : `Log (${log.kind}) and store (${store.kind}) have to answer from here: their addresses are in the configuration.`;
    return [{ level: 'error', about, finding: messageOf(error), remedy }];
  } finally {
    await access.close();
  }
};

const REMEDIES: Readonly<Record<Status['waits'][number]['on'], string>> = {
  dependency: 'It is asked again until it answers; look whether it runs and can be reached from here.',
  project: 'Do what it says, or let the token read it; the next resync lets it in again.',
  flow: 'Start a process that runs it: tidemark serve.',
  rules: 'Start the processes with the older version or configuration again.',
  approval: 'Look at what it would do, and say tidemark approve.',
  generation: 'tidemark serve or tidemark backfill indexes the repositories.',
};

const judged = (about: string, { waits, webhooks, deadLetters, projects, store }: Status): readonly Finding[] => {
  const found: Finding[] = waits.map(({ on, name, reason }) => ({
    level: on === 'dependency' || on === 'rules' ? 'error' : 'warning',
    about,
    finding: `${on} ${name}: ${reason}`,
    remedy: REMEDIES[on],
  }));
  for (const { instance, heardAt } of webhooks)
    if (heardAt === null)
      found.push({
        level: 'warning',
        about,
        finding: `${instance}: no webhook was ever heard, so that the resync finds pushes`,
        remedy: 'tidemark gitlab hooks ensure makes hooks; GitLab has to reach POST /webhooks/gitlab.',
      });
  const pending = projects.reduce((sum, one) => sum + one.pending, 0);
  const failed = projects.reduce((sum, one) => sum + one.failed, 0);
  const sum = `${store.documents ?? 0} documents, ${store.points ?? 0} chunks, ${pending} pending`;
  found.push({ level: 'ok', about, finding: sum, remedy: '' });
  if (failed > 0 || deadLetters > 0)
    found.push({
      ...{ level: 'warning', about, finding: `${failed} documents failed, ${deadLetters} dead letters` },
      remedy: '`tidemark dead-letters stats` says why, and what to do.',
    });
  return found;
};
