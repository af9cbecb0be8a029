/**
 * Shapes that issuers made to be recognised. Each begins with letters of its own, which are searched for by themselves;
 * only where they stand is a pattern tried, from there on, and it has a bound for each of its repetitions. So a text
 * costs what its length says, whatever is in it. The issuers are those that gitleaks knows and people commit.
 */
import { isPlaceholder, looksRandom } from './random.ts';

export interface Span {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/** Says how many characters are about to be looked at once more; throws `TooMuch` when it was enough. */
export type Look = (characters: number) => void;

export interface SecretPattern {
  readonly name: string;
  readonly starts: readonly string[];
  /** What follows the start; of the two the secret, or the pattern's only group. */
  readonly rest: RegExp;
  /** How many characters before the start the pattern begins, for issuers that mark the middle of a token. */
  readonly lead: number;
  /** May stand in the middle of a word. */
  readonly inside: boolean;
  readonly isSecret: (value: string) => boolean;
}

type Row = readonly [
  name: string,
  starts: string,
  rest: string,
  more?: Partial<Pick<SecretPattern, 'lead' | 'inside' | 'isSecret'>>,
];

const RANDOM = { isSecret: looksRandom };
const INSIDE = { inside: true };
const REAL = { isSecret: (value: string) => !isPlaceholder(value) };

/** `-----BEGIN PRIVATE`, and the same of RSA, EC, encrypted and OpenSSH ones; certificates begin otherwise. */
const BASE64_KEYS = ['QUklW', 'SU0EgUFJJ', 'FQyBQUklW', 'FTkNS', 'PUEVO']
  .map((kind) => `LS0tLS1CRUdJTiB${kind}`)
  .join(' ');

const ROWS: readonly Row[] = [
  ['AWS access key', 'AKIA ASIA ABIA ACCA', '[A-Z2-7]{16}(?!\\w)', REAL],
  ['AWS session token', 'IQoJb3JpZ2lu FwoGZXIvYXdz', '[A-Za-z0-9+/=]{60,2000}'],
  ['AWS Bedrock key', 'ABSK', '[A-Za-z0-9+/]{109,269}'],
  ['Google API key', 'AIza', '[\\w-]{35}(?![\\w-])'],
  ['Google client secret', 'GOCSPX-', '[\\w-]{24,40}'],
  ['Google access token', 'ya29.', '[\\w-]{30,1000}'],
  ['Azure client secret', 'Q~', '[\\w.~]{3}\\dQ~[\\w.~-]{31,34}', { lead: 4 }],
  ['Azure signature', 'sig=', '([A-Za-z0-9+/%]{40,120}(?:=|%3[dD]))', INSIDE],
  ['Azure DevOps token', 'AZDO', '[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?!\\w)', { lead: 76 }],
  ['Alibaba access key', 'LTAI', '[A-Za-z0-9]{12,24}(?!\\w)', RANDOM],
  ['Cloudflare key', 'v1.0-', '[0-9a-f]{24}-[0-9a-f]{140,150}'],
  ['DigitalOcean token', 'dop_v1_ doo_v1_ dor_v1_', '[0-9a-f]{64}'],
  ['Fly.io token', 'fo1_ FlyV1', '(?: fm[12][ar]?_)?[\\w+/=,-]{40,1000}'],
  ['Heroku key', 'HRKU-AA', '[\\w-]{50,70}'],
  ['PlanetScale token', 'pscale_tkn_ pscale_pw_ pscale_oauth_', '[\\w=.-]{32,64}'],
  ['Scalingo token', 'tk-us-', '[\\w-]{48}'],
  ['Supabase key', 'sbp_ sb_secret_', '[\\w-]{20,60}', RANDOM],
  ['Netlify token', 'nfp_', '[A-Za-z0-9]{36,40}(?!\\w)'],
  ['Databricks token', 'dapi', '[0-9a-f]{32}(?!\\w)'],
  ['Tailscale key', 'tskey-', '[a-z]{2,12}-[A-Za-z0-9]{8,20}-[A-Za-z0-9]{20,40}'],

  [
    'GitLab token',
    'glpat- gldt- glrt- glcbt- glptt- glagent- gloas- glsoat- glft- glimt- glffct- glrtr-',
    '[\\w.-]{20,320}',
  ],
  ['GitLab runner token', 'GR1348941', '[\\w-]{20,64}'],
  ['GitHub token', 'ghp_ gho_ ghu_ ghs_ ghr_', '[A-Za-z0-9]{36,255}'],
  ['GitHub token', 'github_pat_', '\\w{22,255}'],
  ['Bitbucket token', 'ATBB ATCTT3', '[\\w=-]{24,250}', RANDOM],
  ['Atlassian token', 'ATATT3', '[\\w=-]{60,250}'],
  ['npm token', 'npm_', '[A-Za-z0-9]{36}(?!\\w)'],
  ['PyPI token', 'pypi-AgE', '[\\w-]{50,1000}'],
  ['RubyGems key', 'rubygems_', '[0-9a-f]{48}'],
  ['crates.io token', 'cio', '[A-Za-z0-9]{32}(?!\\w)', RANDOM],
  ['NuGet key', 'oy2', '[a-z0-9]{43}(?!\\w)', RANDOM],
  ['Clojars token', 'CLOJARS_', '[A-Za-z0-9]{60}'],
  ['Artifactory key', 'AKCp cmVmd', '[A-Za-z0-9]{59,69}(?!\\w)'],
  ['Docker token', 'dckr_pat_ dckr_oat_', '[\\w-]{20,60}'],
  ['Sonar token', 'sqp_ sqa_ squ_', '[0-9a-f]{40}(?!\\w)'],
  ['CircleCI token', 'CCIPAT_ CCIPRJ_', '[\\w-]{40,100}'],
  ['Buildkite token', 'bkua_', '[0-9a-f]{40}'],
  ['Sourcegraph token', 'sgp_', '(?:[0-9a-f]{16}_|local_)?[0-9a-f]{40}(?!\\w)'],
  ['Octopus key', 'API-', '[A-Z0-9]{26}(?!\\w)', RANDOM],
  ['Harness token', 'pat. sat.', '[\\w-]{22}\\.[0-9a-f]{24}\\.[A-Za-z0-9]{20}'],
  ['Prefect key', 'pnu_ pnb_', '[A-Za-z0-9]{36}'],
  ['Pulumi token', 'pul-', '[0-9a-f]{40}(?!\\w)'],
  ['Terraform token', '.atlasv1.', '[A-Za-z0-9]{14}\\.atlasv1\\.[\\w=-]{60,70}', { lead: 14 }],
  ['Infracost key', 'ico-', '[A-Za-z0-9]{32}(?!\\w)', RANDOM],
  ['Doppler token', 'dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.', '[\\w.-]{40,90}'],
  ['Vault token', 'hvs. hvb. hvr.', '[\\w-]{24,300}', RANDOM],
  ['1Password key', 'A3-', '[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,5}(?![\\w-])'],
  ['1Password token', 'ops_eyJ', '[A-Za-z0-9+/=_-]{100,2000}'],
  ['OpenShift token', 'sha256~', '[\\w-]{43}(?![\\w-])'],
  ['age key', 'AGE-SECRET-KEY-1', '[A-Z0-9]{58}', INSIDE],

  ['OpenAI key', 'sk-proj- sk-svcacct- sk-admin-', '[\\w-]{20,300}', RANDOM],
  ['Anthropic key', 'sk-ant-', '[\\w-]{32,300}', RANDOM],
  ['OpenRouter key', 'sk-or-', '(?:v1-)?[0-9a-f]{40,80}'],
  ['OpenAI key', 'sk-', '[A-Za-z0-9]{32,100}(?![\\w-])', RANDOM],
  ['Hugging Face token', 'hf_ api_org_', '[A-Za-z]{34}(?!\\w)'],
  ['Groq key', 'gsk_', '[A-Za-z0-9]{48,60}'],
  ['Replicate token', 'r8_', '[A-Za-z0-9]{37}(?!\\w)'],
  ['xAI key', 'xai-', '[A-Za-z0-9]{70,90}'],
  ['Perplexity key', 'pplx-', '[A-Za-z0-9]{40,60}'],
  ['LangSmith key', 'lsv2_pt_ lsv2_sk_', '[0-9a-f]{32}_[0-9a-f]{10}'],

  ['Stripe key', 'sk_live_ rk_live_ sk_test_ rk_test_ sk_prod_ rk_prod_', '[A-Za-z0-9]{16,247}', RANDOM],
  ['signing secret', 'whsec_', '[A-Za-z0-9+/]{32,100}={0,2}', RANDOM],
  ['Square token', 'EAAA sq0atp- sq0csp-', '[\\w-]{22,64}', RANDOM],
  ['Shopify token', 'shpat_ shpca_ shppa_ shpss_', '[0-9a-fA-F]{32}'],
  ['Shippo token', 'shippo_live_ shippo_test_', '[0-9a-f]{40}'],
  ['EasyPost key', 'EZAK EZTK', '[A-Za-z0-9]{54}'],
  ['Plaid token', 'access-production- access-development- access-sandbox-', '[0-9a-f]{8}-[0-9a-f-]{27}'],
  ['Flutterwave key', 'FLWSECK', '[_-](?:TEST|LIVE)?-?[0-9a-zA-Z-]{12,60}'],
  ['Duffel token', 'duffel_live_ duffel_test_', '[\\w=-]{43}'],

  ['Slack token', 'xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-', '[A-Za-z0-9-]{10,255}', RANDOM],
  ['Slack token', 'xoxe.xox', '[bp]-\\d-[A-Za-z0-9]{100,200}'],
  ['Slack token', 'xapp-', '\\d-[A-Z0-9]{6,20}-\\d{8,20}-[a-z0-9]{32,100}'],
  ['Slack webhook', 'hooks.slack.com/', '(?:services|workflows|triggers)/[A-Za-z0-9+/]{30,80}', INSIDE],
  ['Discord webhook', 'discord.com/api/webhooks/ discordapp.com/api/webhooks/', '\\d{15,20}/[\\w-]{60,80}', INSIDE],
  [
    'Teams webhook',
    '.webhook.office.com/webhookb2/',
    '[0-9a-f@-]{70,80}/IncomingWebhook/[0-9a-f]{32}/[0-9a-f-]{36}',
    INSIDE,
  ],
  ['Telegram token', ':AA', '[\\w-]{33}(?![\\w-])', INSIDE],
  ['SendGrid key', 'SG.', '[\\w-]{22}\\.[\\w-]{43}(?![\\w-])'],
  ['Mailgun key', 'key-', '[0-9a-f]{32}(?!\\w)'],
  ['Mailchimp key', '-us', '[0-9a-f]{32}-us\\d{1,2}(?!\\w)', { lead: 32 }],
  ['Brevo key', 'xkeysib-', '[0-9a-f]{64}-[A-Za-z0-9]{16}'],

  ['Grafana token', 'glsa_', '[A-Za-z0-9]{32}_[0-9a-fA-F]{8}'],
  ['Grafana token', 'glc_', '[A-Za-z0-9+/]{32,400}={0,2}', RANDOM],
  ['Sentry token', 'sntryu_', '[0-9a-f]{64}'],
  ['Sentry token', 'sntrys_', '[\\w+/=-]{60,500}'],
  ['New Relic key', 'NRAK- NRII- NRJS- NRAA-', '[A-Za-z0-9-]{19,40}', RANDOM],
  ['Dynatrace token', 'dt0c01.', '[A-Z0-9]{24}\\.[A-Z0-9]{64}'],
  ['Postman key', 'PMAK-', '[0-9a-f]{24}-[0-9a-f]{34}'],
  ['Linear key', 'lin_api_ lin_oauth_', '[A-Za-z0-9]{32,64}'],
  ['Notion token', 'ntn_', '\\d{11}[A-Za-z0-9]{35}'],
  ['Notion token', 'secret_', '[A-Za-z0-9]{43}(?!\\w)', RANDOM],
  ['Figma token', 'figd_', '[\\w-]{36,60}', RANDOM],
  ['Airtable token', 'pat', '[A-Za-z0-9]{14}\\.[0-9a-f]{64}'],
  ['Typeform token', 'tfp_', '[\\w.=-]{40,64}', RANDOM],
  ['Contentful token', 'CFPAT-', '[\\w-]{43}'],
  ['ReadMe key', 'rdme_', '[a-z0-9]{70}'],
  ['Settlemint token', 'sm_aat_ sm_pat_ sm_sat_', '[A-Za-z0-9]{16}(?!\\w)'],
  ['Frame.io token', 'fio-u-', '[\\w=-]{64}'],

  // Its own alphabet is what may not stand before it, so that no text makes one part be read again and again.
  ['JSON web token', 'eyJ', '(?<![\\w-]eyJ)[\\w-]{10,4000}\\.eyJ[\\w-]{10,8000}\\.[\\w-]{10,1000}'],
  ['private key in base64', BASE64_KEYS, '[A-Za-z0-9+/=]{60,8000}'],
  ['JSON web key', '"d":', '\\s{0,3}"([\\w-]{40,700})"', { ...INSIDE, ...RANDOM }],
  ['password hash', '$apr1$ $5$ $6$ $y$', '[./\\w=,-]{1,30}\\$[./\\w$-]{22,120}', INSIDE],
  ['password hash', '$2a$ $2b$ $2y$', '\\d\\d\\$[./A-Za-z0-9]{53}', INSIDE],
  ['authorization', 'Bearer bearer BEARER', '\\s{1,3}([\\w.~+/-]{16,4000}={0,2})', RANDOM],
  ['authorization', 'Basic basic', '\\s{1,3}([A-Za-z0-9+/]{12,500}={0,2})(?![\\w.-])', RANDOM],
  [
    'authorization',
    'uthorization',
    '["\']?\\s{0,3}[:=,]\\s{0,3}["\']?(?:[Tt]oken|[Kk]ey)\\s([\\w.~+/=-]{16,500})',
    { ...INSIDE, ...RANDOM },
  ],
];

export const secretPatterns: readonly SecretPattern[] = ROWS.map(([name, starts, rest, more = {}]) => ({
  name,
  starts: starts.split(' '),
  rest: new RegExp(rest, 'y'),
  ...{ lead: 0, inside: false, isSecret: () => true, ...more },
}));
