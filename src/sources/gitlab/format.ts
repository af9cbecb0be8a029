/** How GitLab tells of what happens on it: https://docs.gitlab.com/user/project/integrations/webhooks. */
import type { HookFormat } from '../../ports.ts';
import { newsOf } from './events.ts';
import { header, isSigned, proofOf } from './signature.ts';

export const gitlabFormat: HookFormat = {
  kind: 'gitlab',
  proof: proofOf,
  isSigned,
  news: newsOf,
  said: (headers) => ({
    event: header(headers, 'x-gitlab-event') ?? '',
    id: header(headers, 'webhook-id') ?? header(headers, 'idempotency-key'),
    server: header(headers, 'x-gitlab-instance'),
  }),
};
