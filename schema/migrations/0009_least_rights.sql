-- The steps' role may do what their statements need: none has ever changed a customer or an event of the inbox.

-- contract: no release's statement updates them
revoke update on restoreclick.customers, restoreclick.webhook_events from restoreclick_app;
