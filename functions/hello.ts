/** The demonstration: `cordon deploy functions/hello.ts --name hello`, then `curl localhost:3003/fn/hello?name=you`. */

export default {
  async fetch(request: Request): Promise<Response> {
    const name = new URL(request.url).searchParams.get('name') ?? 'world';
    console.log(`greeting ${name}`);
    return new Response(`hello, ${name}\n`);
  },
};
