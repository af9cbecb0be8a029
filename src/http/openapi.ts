/** `docs/openapi.json`, from the schemas that requests are checked by. */
import { z } from 'zod';
import { questions } from '../api/questions.ts';
import { type Route, routes, SCOPE_OF } from './routes.ts';

const REFUSALS: Readonly<Record<string, string>> = {
  400: 'The request is none.',
  401: 'There is no token, or one that nobody knows.',
  403: 'The token is not for this, or the page of that origin may not ask.',
  404: 'It is not there, or not for whoever asks.',
  413: 'The request is too long.',
  421: 'The address is not answered for that name.',
  503: 'Not now: `retry-after` says when to try again.',
};

export const openApi = (version: string): object => ({
  openapi: '3.1.0',
  info: {
    title: 'Tidemark',
    version,
    description: 'Search over the code and documents of git repositories, in step with every push.',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  security: [{ token: [] }],
  paths: Object.fromEntries(routes.map((route) => [route.path, { [route.method.toLowerCase()]: operationOf(route) }])),
  components: {
    securitySchemes: { token: { type: 'http', scheme: 'bearer', description: '`http.tokens` of the configuration.' } },
    responses: Object.fromEntries(
      Object.entries(REFUSALS).map(([status, text]) => [`Refused${status}`, refusal(text)]),
    ),
  },
});

const PIPELINE = {
  name: 'pipeline',
  in: 'query',
  required: false,
  description: 'Which pipeline is asked; `default`, or the only one, where it is not given.',
  schema: { type: 'string' },
};

const operationOf = ({ question, method, path }: Route): object => {
  const { summary, request, answer } = questions[question];
  const asked = schemaOf(request, 'input');
  return {
    operationId: question,
    summary,
    description: `Needs a token with the scope \`${SCOPE_OF[question]}\`.`,
    parameters: [...(method === 'GET' ? parametersOf(asked, path) : []), PIPELINE],
    ...(method === 'POST' ? { requestBody: { required: true, content: json(asked) } } : {}),
    responses: {
      200: { description: 'The answer.', content: json(schemaOf(answer, 'output')) },
      ...Object.fromEntries(
        Object.keys(REFUSALS).map((status) => [status, { $ref: `#/components/responses/Refused${status}` }]),
      ),
    },
  };
};

interface Schema {
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
  readonly required?: readonly string[];
}

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Schema => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest as Schema;
};

const parametersOf = ({ properties = {}, required = [] }: Schema, path: string): readonly object[] =>
  Object.entries(properties).map(([name, { description, ...schema }]) => {
    const place = path.includes(`{${name}}`) ? 'path' : 'query';
    return { name, in: place, required: required.includes(name), description, schema };
  });

const json = (schema: object) => ({ 'application/json': { schema } });

const refusal = (description: string) => ({
  description,
  content: json({ type: 'object', properties: { error: { type: 'string' } }, required: ['error'] }),
});
