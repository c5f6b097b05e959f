-- Of one client only so many requests wait: this is what they are counted by.
CREATE INDEX subscription_requests_client ON subscription_requests (client) WHERE client IS NOT NULL;

-- Nobody asks for the next date of all deliveries any more.
DROP INDEX deliveries_next;
DROP INDEX deliveries_claimed;
