// Checks signatures that the server makes, and signs what the server checks.

import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secrets, wrong, headers, body } = JSON.parse(readFileSync(0, "utf8"));

function verifies(secret, sent) {
  try {
    return JSON.stringify(new Webhook(secret).verify(sent, headers)) === JSON.stringify(JSON.parse(body));
  } catch (error) {
    return error.constructor.name;
  }
}

const now = new Date();
const signature = new Webhook(secrets[0]).sign("evt_node", now, body);
console.log(
  JSON.stringify({
    verified: secrets.map((secret) => verifies(secret, body)),
    "wrong secret": verifies(wrong, body),
    "changed body": verifies(secrets[0], `${body} `),
    signed: {
      "webhook-id": "evt_node",
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": signature,
    },
  }),
);
