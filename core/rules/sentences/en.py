"""The English catalogue."""

from __future__ import annotations

from typing import Final

SENTENCES: Final[dict[str, str]] = {
    # --- orders: facts ---
    "order_recorded": "Order {order} from {channel} recorded: {lines:line|lines}, {units:unit|units}.",
    "order_changed": "Order {order} changed on {channel}: now {lines:line|lines}, {units:unit|units}.",
    "order_canceled": "Order {order} is canceled on the channel.",
    "order_recorded_only": "Order {order} is recorded only: we ship none of its lines.",
    "nothing_left_to_ship": "Order {order}: every unit is canceled or removed.",
    "before_cutover": "Order {order} is recorded only: placed {placed}, before the cut-over at {cutover}.",
    "already_fulfilled": "Order {order} is recorded only: the channel knows all of it as fulfilled.",
    # --- orders: review ---
    "review_accepted": "Order {order} is accepted: nothing speaks against shipping it.",
    "review_held": "Order {order} is held: {holds}.",
    "pending": "The channel says order {order} must not ship yet; this ends by itself.",
    "unpaid": "Order {order} is not paid for: payment is {payment}.",
    "test_order": "Order {order} is a test order.",
    "unknown_sku": "Order {order}: {count:line has|lines have} no Sku of ours: {lines}.",
    "address_incomplete": "Order {order} cannot be labeled; missing or wrong in the address: {parts}.",
    "cancel_requested": "The buyer asked to cancel order {order}; lines: {lines}.",
    "rule_hit": "Order {order} is held by your rule: {rules}.",
    "authorized_only": "Order {order}: the money is authorized and not captured yet.",
    "payment_expired": "Order {order}: the authorization of its payment has expired.",
    "partly_paid": "Order {order} is paid for in part.",
    "release_window": "Order {order} is new: it is not sent before {until}, so that the buyer can still change it.",
    "address_undeliverable": "Order {order} has an address that no carrier delivers by: {parts}.",
    "zip_unknown": "Order {order}: no ZIP code begins as the one in its address.",
    "zip_elsewhere": "Order {order}: the address says {state}, its ZIP code lies in {states}.",
    "risk_stated": "{channel} says the risk of fraud in order {order} is {risk}.",
    "billing_elsewhere": "Order {order} is billed to another {part} than it ships to.",
    "high_value": "Order {order} is worth {worth}; from {limit} on a person looks at it.",
    "first_order": "Order {order} is worth {worth} and no earlier order of its buyer is known; "
    "from {limit} on a person looks at it.",
    "velocity": "Order {order} is number {count} of this buyer, or to this address, within {minutes:minute|minutes}.",
    "freight_forwarder": "Order {order} goes to a ZIP code on your list of freight forwarders: {entry}.",
    "price_unlike": "Order {order} was bought at other prices than are asked: {lines}.",
    "quantity_unlike": "Order {order} asks for far more than buyers usually take: {lines}.",
    "restricted": "Order {order} must not go where it goes, by your restriction {rules}; lines: {lines}.",
    "duplicate": "Order {order} looks like {other}, placed {minutes:minute|minutes} before: "
    "the same goods to the same address.",
    "order_held": "Order {order} is held: {hold}.",
    "order_released": "Order {order} is no longer held for: {hold}.",
    # --- orders: units and places ---
    "units_reserved": "{quantity:unit|units} of {sku} reserved at {location} for order {order}.",
    "units_expired": "Order {order} keeps its {units:unit|units} no more: held for more than {hours:hour|hours} ({hold}). "
    "It asks for them again when it is no longer held.",
    "units_asked_again": "Order {order} asks for its units again: nothing holds it any more.",
    "units_unallocated": "No location has {quantity:unit|units} of {sku} for order {order}; "
    "they are taken off every channel and served first.",
    "allocated_nothing": "Nothing is left to allocate.",
    "allocated_whole": "{location} has everything: {units:unit|units}.",
    "allocated_part": "No single location has everything; {location} ships {units} of {wanted}.",
    "allocated_none": "No location has {quantity:unit|units} of {sku}.",
    "allocated_closed": "{location} is closed until {last}; no open place has these units.",
    "allocated_barred": "{location} has units of {sku} that a policy keeps from this channel.",
    "route_costs": "{location} ships {parcels:parcel|parcels} by {service} for {total}: carriage {carriage}, "
    "handling {handling}, goods {goods}, lateness {lateness}, scarce units {scarcity}, preference {preference}.",
    "route_lost_carriage": "{location} would cost {more} more; of that, carriage {part}.",
    "route_lost_handling": "{location} would cost {more} more; of that, handling {part}.",
    "route_lost_goods": "{location} would cost {more} more; of that, what the goods cost there {part}.",
    "route_lost_lateness": "{location} would cost {more} more; of that, coming late {part}.",
    "route_lost_scarcity": "{location} would cost {more} more; of that, units that sell elsewhere {part}.",
    "route_lost_preference": "{location} would cost {more} more; of that, your preference {part}.",
    "route_gave_way": "It ships from {location} instead of {before}, {cents} dearer for itself: orders decided with "
    "it save more by the units it leaves them.",
    "route_gained": "It ships from {location} instead of {before}, {cents} cheaper: an order decided with it left it "
    "the units, and loses less.",
    "route_cut_off": "It would have been {location}, had the order come before {cut_off}, the cut-off of {place}.",
    "route_not_proved": "So many lines can be shipped in too many ways to look at all: a cheaper plan may exist.",
    "too_many_places": "It would take {places} locations; {most} are allowed.",
    "no_service": "No service carries this order from {location} to its buyer.",
    "place_ships_never": "{location} has no open day on which it could ship.",
    "service_not_bought": "{service} of {location} is not what the buyer paid for.",
    "service_restricted": "{service} of {location} must not carry it, by your restriction {rule}.",
    "service_not_asked": "{service} of {location} is not one that your rules want for it.",
    "service_no_po_box": "{service} of {location} does not deliver to PO boxes.",
    "service_no_military": "{service} of {location} does not deliver to military addresses.",
    "service_not_there": "{service} of {location} has no rates for zone {zone}.",
    "unroutable_places": "Order {order} from {channel} has all its units, but would ship from {places} locations; "
    "{most} are allowed. Raise `routing.most_splits`, move stock, or cancel a line.",
    "unroutable_service": "Order {order} from {channel} has all its units at {location}, but no service carries them to "
    "its buyer. Add a service there, or change the address with the buyer.",
    "order_unroutable": "Order {order} waits: nobody may ship it as it is.",
    "order_routed_partly": "Of order {order} what is there goes to {location}; {missing} follows when it comes.",
    "order_routed": "Order {order} goes to {location}.",
    "order_waiting": "Order {order} waits for units.",
    "order_waiting_until": "Order {order} waits for units that a preorder or backorder promises until {until}.",
    "promise_overdue": "Order {order} from {channel} still lacks {missing}, which a preorder or backorder promised until "
    "{until}. Tell the buyer, or set a later day in the policy.",
    "unfillable": "Order {order} from {channel} cannot be filled; missing: {missing}.",
    # --- orders: changes after the fact ---
    "change_none": "Order {order}: nothing planned has to change.",
    "change_more_units": "Order {order} asks for more units than before; they need a place.",
    "canceled_before_request": "Order {order}: {quantity:unit|units} canceled in time; "
    "the place had not been asked to ship yet.",
    "canceled_after_request": "Order {order}: {quantity:unit is|units are} wanted no more, but the "
    "request to ship ({requests}) may be at the place already. Ask them to stop; lines: {units}.",
    "changed_after_shipping": "Order {order}: {quantity:unit|units} taken back after they had "
    "shipped; a return takes care of it.",
    # --- requests to ship, and what places answer ---
    "request_handed_over": "Request {key} handed over to {location}.",
    "request_acknowledged": "{location} accepted request {key}.",
    "channel_silent": "{channel} has had no order since {since}, although at least {least} would have come by now even on a "
    "slow day. All it has is pulled: see whether buyers can order there, and whether payments go through.",
    "location_untrusted": "{location} refused {refused} of the last {sent:request|requests} it was sent ({within}): it does not "
    "have what its figures say. It gets no more orders; those that only it can fill wait. Channels still show its units: "
    "have it count, then close this Case.",
    "receipt_overdue": "{source} has not said whether it could read {key}: it may not have it. Ask there before anything is sent again.",
    "document_unread": "{source} could not read {key} ({faults}): it knows nothing of it. A request is routed elsewhere; for a purchase order, have the fault mended, close it with `lockstep replenish close` and order again.",
    "unknown_document": "{source} speaks of document {number}, which never went to it under that number. A copy of the database that is older than its documents, or another sender under our name.",
    "receipts_untold": "{source} is sent documents and wants to be told which of its own we could read, which nothing is told of: `lockstep mode act --connection {source}`.",
    "receipt_refused": "{key} could not be told to its partner: {words}",
    "request_unwritable": "Request {key} cannot be written for its place, which never saw it: {words}. Its units are asked of other places; where there are none, mend what is wrong, or ship it by hand.",
    "document_unwritable": "{key} cannot be written for who is to get it, and was not sent: {words}",
    "invoice_differs": "Invoice {number} of {source} over {total} for {order} does not fit: {words} Settle it with them; to take it as it is: lockstep invoices accept {source} {number} --note WHY; to pay nothing of it: lockstep invoices reject {source} {number} --note WHY",
    "invoice_twice": "{source} sent two invoices with the number {number}: the first over {first}, this one over {second}. The first one counts; ask which is right.",
    "invoice_matched": "Invoice {number} of {source} over {total} fits what was ordered with {order} and what came.",
    "invoice_no_order": "it names the order {order}, which we never placed with them.",
    "invoice_total": "its total of {total} is not what its parts come to ({reckoned}).",
    "invoice_strange": "it bills what was not ordered: {items}.",
    "invoice_over": "{units} of {sku} are billed, {ordered} were ordered, and {billed} were billed before.",
    "invoice_ahead": "{units} of {sku} are billed, {came} came, and {billed} were billed before.",
    "invoice_credits_more": "{units} of {sku} are credited, {billed} were billed.",
    "invoice_price": "{units} of {sku} cost {told}, agreed were {expected}.",
    "invoice_currency": "{units} of {sku} are billed as {told}, agreed were {expected}.",
    "invoice_extras": "it adds {extras} to goods of {goods}.",
    "request_status_unreadable": "{source} was asked about request {key}, and its answer could not be used: {words}. It is asked again; look there for the order until then.",
    "request_declined": "{location} will not ship {units} of request {key}; those units are routed elsewhere, the rest is waited for.",
    "request_backordered": "{location} ships a part of request {key} later: {units}. The buyer waits for it. If that is too late, ask "
    "{location} to cancel the request; once it says that it will not ship: lockstep withdraw {key} --note WHO_SAID_SO",
    "request_breaks_kit": "{location} will ship only some of what makes up a kit in request {key}: {skus}. Ask it to ship nothing of the kit, or "
    "to send the missing part; the missing units are asked of others.",
    "request_answer_strange": "{location} answered request {key} with goods that were not asked for, or more of them: {items}. Ask what will be sent; "
    "what must not come is refused now, not when it is shipped.",
    "request_repriced": "{location} reckons request {key} at other prices than agreed: {prices} a unit. Agree on the price, or change its terms.",
    "request_rejected": '{location} rejected request {key} ("{word}"); its units are routed elsewhere.',
    "request_overdue": "{location} has not answered request {key} in the agreed time. Ask there; if it will not ship: "
    "lockstep withdraw {key} --note WHO_SAID_SO",
    "shipment_overdue": "{location} has not shipped request {key} in the agreed time. Ask there; if it will not ship: "
    "lockstep withdraw {key} --note WHO_SAID_SO",
    "unknown_request": "{source} speaks of request {key}, which is not one of ours.",
    "wrong_units_shipped": "{location} shipped units that request {key} did not ask for: {units}.",
    "shipment_received": "{location} shipped request {key}: {units:unit|units}, {carrier} {number}.",
    # --- shipments and parcels ---
    "shipment_confirmed": "{channel} knows the parcel: {carrier} {number}.",
    "confirmation_refused": "The channel refused confirmation {key}: {words}",
    "parcel_status": "Parcel {carrier} {number}: {status}.",
    "parcel_delivered": "Every parcel of order {order} is delivered.",
    # --- the sum behind a quantity ---
    "units_available": "{sku}: {quantity:unit|units} available at {locations:location|locations}",
    "units_promised": "{sku}: {quantity:unit|units} promised to orders that wait",
    "kit_limited": "{sku} is the scarcest component, {per} in each",
    "sold_in_packs": "sold in packs of {per}",
    "only_together": "only {quantity} together in one place",
    "together_promised": "{quantity} promised to orders that wait for all of it in one place",
    "percent_shown": "{percent} % may be shown here",
    "buffer_kept": "{quantity:unit|units} held back",
    "capped": "never more than {cap} here",
    "hidden_below": "fewer than {level} are not shown",
    "fixed_quantity": "always this number, whatever the stock",
    "not_sold_here": "not sold on this channel",
    "no_components": "nothing of ours stands behind this listing",
    "place_not_sold": "{location} does not sell here: {quantity:unit|units} not counted",
    "place_policy": "{location}: {quantity:unit|units} held back there",
    "place_stale": "{location} told its last figure {days:day|days} ago: {percent} % held back, {quantity:unit|units}",
    "place_stale_never": "{location} never told a figure that could be believed: {percent} % held back, "
    "{quantity:unit|units}",
    "place_closed": "{location} is closed from {first} to {last}: {quantity:unit|units} not counted",
    "handling_longer": "only {location} is left, closed from {first} to {last}: ships in {days:day|days}",
    "components_shared": "shared with {listings:other listing|other listings} of the same units",
    "cover_kept": "{quantity:unit|units} held back: {days:day|days} of cover at {per_day} a day",
    "cover_unknown": "no buffer in days ({days}): nobody knows yet how fast it sells",
    "preorder_shown": "preorder until {until}: {quantity} more, {taken} taken already",
    "backorder_shown": "backorder until {until}: {quantity} more, {taken} taken already",
    "explain_level": "{sku} at {location}: {on_hand} on hand, {committed} held, {available} free",
    "explain_counted_there": "  counted there: {words}",
    "explain_in_its_figure": "  {quantity:unit|units} more held, which its figure lacks already",
    "explain_promised": "{reservations:reservation|reservations} open, {waiting:unit|units} promised that no place has",
    "explain_rules": "rules: {rules}",
    "explain_total": "to be shown",
    "explain_shown": "shown now: {shown}",
    "explain_sent": "sent: {sent}, not read back yet; shown before: {shown}",
    "explain_refused": "refused: {words}",
    "supply_item": "{supplier}: item {item}",
    "supply_pack": "packs of {pack}",
    "supply_least": "at least {least}",
    "supply_cost": "{cost} each",
    "supply_break": "{cost} from {units} on",
    "supply_days": "{days:day|days}",
    "supply_discontinued": "DISCONTINUED",
    "explain_nothing": "Nothing is known of {sku}.",
    "risk_sold_elsewhere": "{quantity:unit|units} held back: within {minutes:minute|minutes} they may be sold on another channel before this one hears of it",
    "risk_old_figure": "{quantity:unit|units} held back: the figure behind them gets {hours:hour|hours} old, and others take units of it too",
    # --- quantities on channels ---
    "offer_wanted": "{channel} should show {quantity} of {sku}.",
    "offer_unclear": "{quantity} of {sku} sent to {channel}, and the answer was lost; it is read before anything else.",
    "offer_sent": "{quantity} of {sku} sent to {channel}; it counts when it is read back.",
    "refused_as_it_is": "It refused this very number, and is asked again when another one is wanted.",
    "stopped_by_case": "Case {case} stopped it: {group}. `lockstep case approve {case}` lets it go on.",
    "unseen_taken_off": "Since {at} {quantity:unit|units} fewer are shown, which may have been sold already: orders were known up to {minutes:minute|minutes} before.",
    "unseen_orders": "{channel} may have sold {quantity:unit|units} of {sku} we have not heard of: its orders are known up to {minutes:minute|minutes} ago. So many fewer are sent.",
    "offer_shown": "{channel} shows {quantity} of {sku}.",
    "offer_refused": "{channel} refused to show {quantity} of {sku}: {words}",
    "offer_lost": "{channel} shows {shown} of {sku} although {sent} was sent.",
    "offer_not_ours": "This quantity is not ours to set.",
    "offer_as_wanted": "Shown as wanted: {quantity}.",
    "offer_not_stocked": "The channel keeps no number here; the listing is not stocked at this place.",
    "offer_lowers": "To be lowered from {before} to {wanted}: lowering never waits.",
    "offer_raises": "To be raised from {before} to {wanted}.",
    "offer_restated": "{quantity} is shown as wanted; its handling time is to be changed.",
    "orders_behind": "Raising from {before} to {wanted} waits until all orders up to the last reading are in.",
    "feed_running": "Raising from {before} to {wanted} waits until the bulk feed has ended.",
    "others_lower_first": "Raising from {before} to {wanted} waits until other offers of the same units are lowered.",
    "bulk_sent": "A bulk file with {offers:offer|offers} was sent to {channel}.",
    "bulk_ended": "{channel} has ended bulk file {submission}: {taken} of {offers} taken, {refused} refused.",
    "bulk_stuck": "{channel} has not ended bulk file {submission} ({progress}), sent {since}. Its offers are "
    "lowered one by one where needed, and raised only once it has. Ask the channel's support if it stays so.",
    "bulk_failed": "{channel} gave up bulk file {submission} with {offers:offer|offers}: {words}. They are "
    "read back and sent again; close this Case when you have seen it.",
    "in_feed": "{sent} is in a bulk file that has not ended; it is read back when it has.",
    "repair_stopped": "{before} stays although {wanted} is wanted: repair of this offer is stopped.",
    "drift_channel_sale": "{sku} on {channel} shows {found} instead of {expected}: its orders took "
    "{sold:unit|units} and gave back {returned}.",
    "drift_lost_write": "{sku} on {channel} shows {found} instead of {expected}, an older number of "
    "ours: a write was lost or came late ({unexplained} not explained by orders).",
    "drift_mapping_moved": "{sku} on {channel} shows {found} instead of {expected}: the listing "
    "stands for another Sku or stock item now.",
    "drift_by_hand": "{sku} on {channel} shows {found} instead of {expected}: somebody else set it "
    "(orders took {sold}, gave back {returned}; not explained: {unexplained}).",
    "drift_not_shown": "{sku} on {channel} shows no number any more; {expected} was expected.",
    "drift_repaired": "{sku} on {channel} shows {shown} again, as wanted; it differed for "
    "{minutes:minute|minutes} as far as was seen.",
    "repair_stops": "Repair of {sku} on {channel} stops: others overwrote our number {overwrites:time|times}.",
    "other_writer": "Somebody else keeps writing quantities on {channel}: {overwrites:number|numbers} of ours "
    "replaced in {offers:offer|offers}. Repair of these is stopped; new numbers only lower. Switch the "
    "other system off, then approve or close this Case, and repair goes on. Ours -> theirs: {examples}",
    "drift_found": "{offers:offer|offers} on {channel} show a number no order explains. They stay as "
    "they are until you approve or close this Case; then they are put right. Expected -> shown: {examples}",
    "reading_due": "To be read again: an order or somebody else moved it.",
    "never_read": "To be read: the channel's number is not known yet.",
    "reading_old": "To be read again: the last reading is from {read}.",
    "verify_due": "{sent} was sent; to be read back now.",
    "verify_later": "{sent} was sent; too early to read it back.",
    "unsafe_plan": "The plan for {channel} would set {zeroed} of {live} live offers to 0, more than "
    "{percent} %. A person must approve it.",
    "unsafe_plans": "The plan for {channel} would set {zeroed:offer|offers} to 0 after {before} others in the last "
    "{hours:hour|hours}, together more than {percent} % of the {live} that were live. A person must approve it.",
    # --- stock figures from remotes ---
    "snapshot_applied": "Stock of {location} taken from {name}: {rows:row|rows}, {changed} changed.",
    "snapshot_quarantined": "Stock file {name} for {location} is not believed ({doubts}): {rows:row|rows}, "
    "{units:unit|units}, {zeros} at zero, {unknown} of unknown Skus, {unreadable} odd; in force are {before:row|rows}, "
    "{units_before:unit|units}. It begins: {head}. The last good one stays in force until a person decides: "
    "`lockstep case approve` takes this one as it is.",
    "file_odd_lines": "{lines:line was|lines were} odd in {name}. First, line {line} ({text}): {why}.",
    "item_discontinued": "{supplier} no longer makes {sku} (its item {item}): what is left is all there is. "
    "Look for another source, or stop selling it when it is gone.",
    "item_resumed": "{supplier} makes {sku} (its item {item}) again.",
    "terms_unreadable": "Stock file {name} for {location}: the terms on {lines:line|lines} cannot be read, "
    "the quantities can. First, {first}. Those terms count as not told; mend the format or ask the supplier.",
    "snapshot_empty": "The file has no rows.",
    "snapshot_old": "The figure is {hours:hour|hours} old (as of {as_of}).",
    "snapshot_ahead": "The figure speaks of a moment {minutes:minute|minutes} ahead of now ({as_of}); "
    "check the time zone.",
    "snapshot_absurd": "{count:row has an absurd quantity|rows have absurd quantities}; first: {sku} with {quantity}.",
    "snapshot_repeats": "{count:row repeats|rows repeat} a Sku that is in the file already.",
    "snapshot_named_twice": "{count} of {lines:line names|lines name} a Sku a second time.",
    "snapshot_negative": "{count} of {lines:line says|lines say} less than nothing.",
    "snapshot_unknown": "{count} of {lines:line has|lines have} a Sku that nobody here knows; before, {before} had.",
    "snapshot_all_unknown": "Not one of its {count:row has|rows has} a Sku that is known here.",
    "feed_fresh": "The figures of {location} come as they should; the next is due by {due}.",
    "feed_silent": "No stock figure of {location} came although one was due by {due}. Ask who sends it.",
    "feed_never": "No stock figure of {location} ever came; the first was due by {due}. Ask who sends it.",
    "feed_stale": "The stock of {location} is stale: the figure in force is of {as_of}. What may be shown of it "
    "is decided by your policy; ask who sends it, or approve a file that waits.",
    "feed_stale_never": "The stock of {location} counts as stale: it never sent a figure that could be believed.",
    "snapshot_unreadable": "{count} of {lines:line|lines} cannot be read.",
    "snapshot_rows_gone": "{gone} of {known:known Sku is|known Skus are} missing, more than {percent} %.",
    "snapshot_units_fallen": "The total fell from {before} to {units:unit|units}, more than {percent} %.",
    "snapshot_zeros": "{zeros} of {rows:row is|rows are} zero; before, {before} were.",
    "unreadable_record": "{source}: {kind} {record} cannot be read: {problem}. It is kept as it came.",
    # --- the ledger: counts, and what people move ---
    "count_variance": "Count {plan} of {location} differs from the ledger by {units:unit|units} of {ledger} "
    "(limit {percent} %), worth {value}. Count the large differences again, then approve or reject it.",
    "count_variance_unknown": "Count {plan} of {location} differs from the ledger by {units:unit|units} of {ledger} "
    "(limit {percent} %), worth {value} and {unknown:unit|units} more whose worth nobody knows. Count the large "
    "differences again, then approve or reject it.",
    "cannot_take_more": "{units:unit|units} of {sku} cannot leave {location}: {on_hand} are there.",
    "cannot_take_promised": "{units:unit|units} of {sku} cannot leave {location}: of the {on_hand} there, "
    "{committed} are held for orders.",
    # --- writes that happen once ---
    "effect_planned": "Decided and not sent yet.",
    "effect_settled": "Nothing to do: {state}.",
    "effect_settling": "It may be under way; nobody looks or sends again before {until}.",
    "effect_staged": "The file lies there whole; it can be handed over.",
    "effect_repeatable": "The outcome of attempt {attempts} is not known; the same write again changes nothing twice.",
    "effect_in_doubt": "The outcome of attempt {attempts} is not known; the remote is asked first.",
    "effect_undecidable": "The outcome of attempt {attempts} is not known and the remote cannot be asked; "
    "a person decides.",
    "effect_unknown": "The answer for the {kind} {key} was lost; it may have landed and is looked up before any repeat.",
    "effect_found": "The {kind} {key} had landed although its answer was lost; it is not sent again.",
    "effect_parked": "Nobody can tell whether the {kind} {key} landed. Look at the remote, then say "
    "whether it is there or is to be sent again.",
    # --- demand ---
    "forecast_none": "It never sold in the {days:day|days} we know of.",
    "forecast_new": "Only {days:day|days} are known of it; {least} tell a pattern. Until then their average stands.",
    "forecast_fast": "It sold on {sold} of {days:day|days}: a smoothed level, and the profile of its week.",
    "forecast_intermittent": "It sold on {sold} of {days:day|days}, with pauses: the chance of a sale times its "
    "size (TSB).",
    "forecast_rare": "It sold on {sold} of {days:day|days} only: the size of a sale over the pause between two (SBA).",
    "forecast_fading": "It has been silent for {silent:day|days} though it used to sell every {pause}: its rate "
    "falls each day until it sells again (TSB).",
    "forecast_hidden": "{days:day|days} without stock and without a sale tell nothing and are left out.",
    "lead_stated": "The supplier states {stated:day|days}; nine of ten orders should take at most {p90}.",
    "lead_mixed": "The supplier states {stated:day|days} and delivered {receipts:time|times}: half within "
    "{p50:day|days}, nine of ten within {p90}.",
    "lead_observed": "The supplier delivered {receipts:time|times}: half within {p50:day|days}, nine of ten within {p90}.",
    "lead_assumed": "Nobody told a lead time: {days:day|days} are assumed, and at most {p90}.",
    "closure_covered": "Closed from {first} to {last} ({days:day|days}): order before it, enough to last beyond it.",
    "holidays_unannounced": "It is expected on {arrives}, but holidays after {known_until} are not announced "
    "yet: write the days they close under `closed` of their calendar, or it may come later.",
    "calendar_too_short": "Calendar {calendar}: holidays after {known_until} are not announced yet, and what is ordered "
    "today from {supplier} may take until {arrives}. Write the days they close under `closed` as soon as you know them.",
    # --- buying: the sum behind a proposal ---
    "replenish_position": "{available} free + {incoming} on the way - {promised} promised = {position}.",
    "replenish_static": "Low is {level} or fewer, as you wrote.",
    "replenish_days_of_cover": "Low is {level} or fewer: what {days:day asks|days ask} for.",
    "replenish_reorder_point": "Low is {level} or fewer: enough for {days:day|days} ({lead} until it is here, {review} "
    "until somebody orders again) in {service} of 100 cases.",
    "replenish_on_its_way": "{incoming:unit is|units are} on the way: nothing to order.",
    "replenish_no_supplier": "No supplier is configured for it.",
    "replenish_target": "Enough for {days:day|days} is {target} → {need}.",
    "replenish_refill": "To be above the level it takes {target} → {need}.",
    "replenish_packs": "Whole packs of {pack} → {quantity}.",
    "replenish_minimum": "They take no fewer than {least} → {quantity}.",
    "replenish_minimum_too_much": "They take no fewer than {least}, and only {room} would sell within {days:day|days}: "
    "order with --quantity if you want it all the same.",
    "replenish_capped": "No more than sells within {days:day|days} → {quantity}.",
    "replenish_break": "From {least} on one costs {price}: {total} instead of {before} → {quantity}.",
    "replenish_landed": "On our shelf: {goods} goods + {freight} freight + {duty} duty + {fees} fees = {total}, "
    "by {units} → {each} a unit.",
    "replenish_cheapest": "A unit from {supplier} costs {each} on our shelf, from {other} {than}.",
    "replenish_season": "It has to last into {season}: in {service} % of the cases.",
    "replenish_late": "Even ordered today it comes {days:day|days} after it may have run out ({empty}).",
    "buying_rule_failed": "Your buying rule {rule} could not be evaluated for {sku}: {why}. It is left out until it is mended.",
    "replenish_wait": "{units:sale|sales}, {loss}",
    # --- buying: orders and receipts ---
    "purchase_approved": "{by} ordered {units:unit|units} from {supplier}: {number}.",
    "purchase_sent": "Purchase order {number} handed over to {supplier}.",
    "purchase_refused": "The supplier's side refused purchase order {key}: {words}",
    "purchase_canceled": "{by} canceled purchase order {number} before it was sent ({units:unit|units}).",
    "purchase_closed": "{by} closed purchase order {number}; {units:unit|units} will not come.",
    "purchase_answered": "{supplier} confirmed {units:unit|units} of {number}, ready on: {ready}.",
    "purchase_short": "{supplier} will send less of {number} than ordered ({lines}). Order the rest elsewhere or wait; "
    "`lockstep replenish close {number}` if nothing more shall come.",
    "purchase_late": "{supplier} is late with {number}: {units:unit was|units were} expected on {expected}. Ask them; "
    "`lockstep replenish close {number}` if it will not come.",
    "purchase_answer_strange": "{source} speaks of things that purchase order {number} does not hold: {items}.",
    "unknown_purchase": "{source} answers purchase order {number}, which is not one of ours.",
    "purchase_received": "{units:unit|units} of {number} received at {location} ({reference}).",
    "receipt_over": "More came of {number} than was ordered: {lines}. It is counted in; keep it and pay for it, or send it back.",
    "receipt_short": "{supplier} still owes of {number}: {lines}. It stays expected until it comes; "
    "`lockstep replenish close {number}` if it will not.",
    # --- goods under way ---
    "consignment_shipped": "{by} put {units:unit|units} on consignment {number} to {location}.",
    "consignment_leg": "{number}: {leg} on {day}.",
    "leg_days": "By what is written, and {seen:way|ways} seen: half take at most {usual:day|days}, nine of ten {slow}.",
    "consignment_told": "{location} says of {number}: {state}.",
    "consignment_ended": "{number} is over ({state}); {units:unit|units} did not come. Said by: {by}.",
    "consignment_short": "{missing:unit|units} of consignment {number} ({lines}) did not arrive at {location}: "
    "{received} of {sent} were received. They cost {value}. Claim them by {claim_by} from whoever received or "
    "carried them; `lockstep consignment show {number}` has the days.",
    "consignment_short_undated": "{missing:unit|units} of consignment {number} ({lines}) did not arrive at {location}: "
    "{received} of {sent} were received. They cost {value}. The day of the delivery was not seen by us: look it up "
    "and claim them in time.",
    "consignment_late": "Consignment {number} to {location} is late: {leg} was planned for {planned} and is not done. "
    "{units:unit depends|units depend} on it. Ask the forwarder; tell the new day with "
    "`lockstep consignment leg {number} {leg_word} --planned DAY`, or that it is done.",
    "consignment_unclear": '{location} says of consignment {number} "{word}". Look at it there.',
    "consignment_unknown_items": "Consignment {number} to {location} holds things nobody here knows: {items}. "
    "Write them in the table of Skus, or their names as aliases; they count for nothing until then.",
    "consignment_unbooked": "Goods of {purchase} that came with consignment {number} could not be booked in: {why} "
    "It is tried again every hour.",
    "consignment_stranger": "Shipment {number} to {location} was made there, and these of ours wait for its number: "
    "{waiting}. If it is one of them, `lockstep consignment link CONSIGNMENT {number}`; else close this Case. "
    "Until then its units may count twice, and too little is bought.",
    "consignment_left": "{by} said that {units:unit|units} of consignment {number} left {location}.",
    "consignment_origin": "Shipment {number} has left for {location}, and nobody said which shelf its goods "
    "({lines}) came from: until then they may be sold twice. Say it with `lockstep consignment origin {number} PLACE`, "
    "or whose order they are with `lockstep consignment ship {number} --purchase ORDER`; close this Case if neither "
    "holds them.",
    "consignment_canceled": "Consignment {number} to {location} was canceled there. {units:unit|units} left our shelf "
    "with it (transfers {transfers}): put them back with `lockstep stock arrived` at the place they return to, or "
    "send them again.",
    # --- filling up a place from another ---
    "refill_due": "{location} runs low: send {units:unit|units} from {origin} ({lines}; other Skus: {more}). "
    "`lockstep consignment proposals` has the sums, `lockstep consignment send {plan} NUMBER` sends them.",
    "refill_position": "{there} free there + {coming} on the way = {position}.",
    "refill_level": "It is low at {level}; {target} last for {days} days.",
    "refill_spare": "At the origin {free} are free and {keep} stay for other sales: {spare} can go, {need} are needed.",
    "refill_packs": "Whole cartons: {packs} of {pack} = {units}.",
    # --- stock that lies ---
    "slow_return": "{units:unit|units}; days of cover: {cover}; days without a sale: {unsold}. Send it back: "
    "the supplier takes it for {left} more days.",
    "slow_stop": "{units:unit|units}; days of cover: {cover}; days without a sale: {unsold}. Stop buying it and clear it out.",
    "slow_promote": "{units:unit|units}; days of cover: {cover}; days without a sale: {unsold}. Promote it or lower its price.",
    "demand_rate": "{sku}: {rate} units a day, one day differing from another by about {deviation}; "
    "{observed} of {days:day|days} observed.",
    "demand_sold": "Units a week, each from its first day on:",
    "demand_sold_week": "{first}  {bar} {units}",
    "demand_hidden_week": "{first}  {bar} {units}  ({hidden:day|days} without stock)",
    "demand_weekday": "{weekday} {percent} %",
    "demand_profile": "Of an average day: {profile}",
    "demand_channels": "By channel: {shares}",
    "demand_cover": "From an order to the receipt of the next, {days:day|days}: {expected} units on average, {level} "
    "are enough in {percent} of 100 cases; {safety} of them are safety stock.",
    "demand_unknown": "Nothing is known of {sku} before today: it was neither sold nor in stock.",
    # --- connections ---
    "connection_unauthorized": "{connection} refuses our credentials at {operation}; missing right: {missing}. "
    "It stands still until this is mended.",
    "connection_down": "{unit} failed {failures:time|times} in a row: {error}. We go on trying.",
    "connection_back": "{connection} answers again.",
    # --- alerts and mails ---
    "alert_low_stock": "{sku} runs low: {available:unit|units} available, the level is {level}.",
    "alert_low_kit": "{sku} runs low: the parts are enough for {available:Kit|Kits}, the level is {level}. The scarcest is {part}: "
    "{free:unit|units} free, {per} in each.",
    "alert_buy": "{sku}: order {quantity:unit|units} ({packs:pack|packs} of {pack}) from {supplier} (a unit: {price}) by "
    "{order_by}, {cost}. "
    "{available} free + {incoming} on the way - {promised} promised = {position}; low is {level} or fewer; runs out: {runs_out}. "
    "Waiting for the next order (here {later}) may lose {lost:sale|sales}, {loss}.",
    "alert_buy_units": "{sku}: order {quantity:unit|units} from {supplier} (a unit: {price}) by {order_by}, {cost}. "
    "{available} free + {incoming} on the way - {promised} promised = {position}; low is {level} or fewer; runs out: {runs_out}. "
    "Waiting for the next order (here {later}) may lose {lost:sale|sales}, {loss}.",
    "alert_low_unsold": "{sku} runs low: {available} free + {incoming} on the way - {promised} promised = {position}; "
    "low is {level} or fewer. No supplier is configured for it.",
    "alert_low_on_its_way": "{sku} runs low: {available} free, {promised} promised; {incoming:unit is|units are} on the way from "
    "{supplier}, which makes {position} (low is {level}). Nothing to order.",
    "alert_low_minimum": "{sku} runs low: {available} free + {incoming} on the way - {promised} promised = {position}; low is {level} "
    "or fewer. The least that {supplier} takes would lie too long: decide with `lockstep replenish plan`.",
    "alert_resolved": "Over since {since}: {subject}.",
    "alert_opened": "New, and not told yet.",
    "alert_changed": "It changed since the last mail.",
    "alert_repeated": "It goes on; a reminder is due.",
    "alert_over": "It is over, and an opening mail had been sent.",
    "alert_not_due": "The next mail is not due before {until}.",
    "alert_silenced": "Silenced by a person.",
    "alert_inhibited": "A larger trouble that is told already explains it.",
    "resolved_untold": "Over before anybody was told.",
    "resolved_told": "Over, and told.",
    "mail_sent": 'Mail sent: "{subject}".',
    "mail_kept": "{count:mail is|mails are} kept and sent later: {problem}.",
    # --- modes ---
    "mode_observe": "This flow only observes: it decides and writes nothing.",
    "mode_propose": "This flow proposes: a person releases what it writes.",
    "mode_act": "This flow acts.",
    "outside_share": "{sku} is not among the Skus this flow may act on yet.",
    "mode_changed": "{channel}: {flow} is now in the mode {mode} (by {by}).",
    "writes_stopped": "Writing to the outside is stopped.",
    "writes_resumed": "Writing to the outside is allowed again.",
    "rolled_back": "as it was when the channel was taken over → {left}",
    "rollback_applied": "{count:quantity|quantities} of {channel} go back to what was found at the take-over (by {by}).",
    "rollback_done": "{channel} shows what it showed before; its quantities are only observed now.",
    # --- the shadow report ---
    "shadow_quantities": "{channel}, {day}: {same} of {compared:quantity|quantities} are what we would show ({percent} %). "
    "It shows {more:unit|units} more than we would ({more_value}: may be oversold) and {less:unit|units} fewer "
    "({less_value}: not offered).",
    "shadow_quantity": "{channel} {sku}: shows {theirs}, we would show {ours}.",
    "shadow_routes": "{channel}, {day}: {same} of {compared:order was|orders were} shipped from where we would have "
    "({percent} %); those that differ are worth {value}. {unknown} more: not known from where.",
    "shadow_route": "{channel} order {order}: shipped from {theirs}, we would have sent it to {ours}.",
    "shadow_routes_unknown": "{channel}, {day}: {unknown:order was|orders were} shipped that we had routed; {channel} does not tell "
    "from where, so that nothing is compared. `lockstep shadow --shipped FILE` (CSV order,place) compares them with what the old way of working did.",
    "shadow_not_compared": "{count:order|orders} of the file cannot be compared: not recorded, or never routed by us: {orders}",
    "shadow_nothing": "{channel}, {day}: nothing to compare.",
    "adopted": "Order {order} is linked: {location} had been asked to ship it before we took over.",
    "shipped_though_canceled": "Order {order} was canceled on {channel} after its parcel had left. Ask the buyer or the carrier to send it back.",
    "rule_failed": "Your rule {rule} could not be evaluated for {sku}: {why}. Its quantities stay as they were.",
    # --- mails ---
    "group_case_rule_failed": "Rules that could not be evaluated",
    "group_case_shipped_though_canceled": "Parcels that left for canceled orders",
    "alert_told": "Told about {group}: {count:finding|findings} ({kind}).",
    "reservation_refused": "The remote that counts the units could not be told of a sale made elsewhere "
    "({key}): {words}. It may sell the units again: lower them there by hand, or change the order.",
    "units_set_aside": "Sold elsewhere, set aside at {location}: {units}.",
    "units_given_back": "Not needed any more, for sale again at {location}: {units}.",
    "units_taken_off": "Shipped, taken off the stock that {location} counts: {units}.",
    "group_case_reservation_refused": "Sales a counting remote could not be told of",
    "request_refused": "The place refused request {key}: {words}",
    "mail_open": "{title}: {count} open",
    "mail_change": "{title}: changed, {count} open",
    "mail_repeat": "{title}: still {count} open",
    "mail_resolve": "{title}: resolved",
    "mail_report": "Daily report: {title}",
    "group_shadow_report": "What we would have done",
    "mail_first_import": "First import",
    "mail_more": "and {count} more; `lockstep cases` lists them all",
    "mail_resolved_word": "resolved",
    "mail_footer": "Sent by Lockstep for {shop}, {when}. `lockstep cases` lists what is open; "
    "`lockstep explain` says why.",
    "mail_buy_title": "Order from {supplier}",
    "mail_buy": "Order from {supplier} by {order_by}: {count:Sku|Skus}, {cost}",
    "mail_buy_how": "To order all of it: lockstep replenish approve {plan} - one line of it: lockstep replenish approve {plan}/SKU - "
    "the whole sum: lockstep replenish plan --supplier {supplier}",
    "group_case_buying_rule_failed": "Buying rules that could not be evaluated",
    "group_case_purchase_short": "Purchase orders that will come short",
    "group_case_purchase_late": "Purchase orders that are late",
    "group_case_consignment_short": "Units that were sent and did not arrive",
    "group_case_refill_due": "Places that should be filled up",
    "group_case_consignment_late": "Goods under way that are late",
    "group_case_consignment_unclear": "Goods under way of which nobody says how they are",
    "group_case_consignment_unknown_items": "Goods under way that nobody here knows",
    "group_case_consignment_unbooked": "Goods that came and could not be booked in",
    "group_case_consignment_origin": "Shipments of which nobody said where they came from",
    "group_case_channel_silent": "Channels without orders",
    "group_case_location_untrusted": "Locations that get no more orders",
    "group_case_consignment_stranger": "Shipments that may be ours",
    "group_case_consignment_canceled": "Goods under way that were canceled",
    "group_case_purchase_refused": "Purchase orders that were refused",
    "group_case_purchase_answer_strange": "Answers about things that were not ordered",
    "group_case_unknown_purchase": "Answers to purchase orders we never made",
    "group_case_receipt_over": "Deliveries with more than was ordered",
    "group_case_receipt_short": "Deliveries with less than was ordered",
    "order_was_missing": "No pull brought order {order} from {channel} in: it was found {minutes:minute|minutes} after it was placed.",
    "order_unseen": "{channel} lists order {order} and does not show it when it is asked for.",
    "orders_missed": "{count:order|orders} of the {listed} that {channel} lists for its last days had come with no pull, the oldest placed "
    "{minutes:minute|minutes} ago: {orders}. They are recorded now; see whether they can still ship in time.",
    "group_case_order_unseen": "Orders a channel lists and does not show",
    "group_case_orders_missed": "Orders no pull had brought in",
    "sent_before_doubt": "{location} was asked to ship order {order} from {channel} before this was known: {hold}. "
    "Stop it there if you still can.",
    "group_case_sent_before_doubt": "Orders that were sent before a doubt was known",
    "address_changed": "The address of order {order} on {channel} changed after {location} was asked to ship it ({key}). "
    "Tell {location}, or have the carrier redirect the parcel.",
    "group_case_address_changed": "Addresses that changed after the request",
    "held_how": "To send it all the same: lockstep release {order} --hold {named} --note WHY",
    "group_held_finance": "Orders held: payment",
    "group_held_support": "Orders held: ask the buyer",
    "group_held_risk": "Orders held: risk of fraud",
    "group_held_catalog": "Orders held: unknown goods or odd prices",
    "group_held_operations": "Orders held: your rules and limits",
    "group_low_stock": "Low stock",
    "group_connection_down": "Connections that do not work",
    "group_case_unreadable_record": "Records that could not be read",
    "group_case_terms_unreadable": "Suppliers' terms that could not be read",
    "group_case_snapshot_quarantined": "Stock files put in quarantine",
    "group_case_wrong_units_shipped": "Parcels with units nobody asked for",
    "group_case_unknown_request": "Answers to requests we never made",
    "group_case_promise_overdue": "Preorders and backorders whose day is over",
    "group_case_unfillable": "Orders that cannot be filled",
    "group_case_unroutable": "Orders that nobody may ship as they are",
    "group_case_canceled_after_request": "Orders canceled after the request went out",
    "group_case_confirmation_refused": "Shipment confirmations the channel refused",
    "group_case_request_refused": "Requests a place refused",
    "group_case_effect_parked": "Writes that may or may not have landed",
    "group_feed_silent": "Stock figures that did not come",
    "group_feed_stale": "Locations whose stock is stale",
    "group_case_count_variance": "Counts that differ a lot from the ledger",
    "group_case_unsafe_plan": "Pushes that would change too much",
    "group_case_other_writer": "Somebody else writes quantities",
    "group_case_drift_found": "Quantities no order explains",
    "group_case_bulk_stuck": "Bulk files that do not end",
    "group_case_bulk_failed": "Bulk files that failed",
    "group_case_offer_refused": "Quantities the channel refused",
    "group_case_request_backordered": "Requests that are shipped later in part",
    "group_case_request_breaks_kit": "Kits that would be shipped in part",
    "group_case_request_answer_strange": "Answers with goods nobody asked for",
    "group_case_request_repriced": "Requests at other prices than agreed",
    "group_case_receipt_overdue": "Documents a partner has not confirmed",
    "group_case_document_unread": "Documents a partner could not read",
    "group_case_unknown_document": "Documents that were never sent",
    "group_case_receipts_untold": "Partners that are told no receipts",
    "group_case_receipt_refused": "Receipts that could not be told",
    "group_case_request_unwritable": "Requests that cannot be written",
    "group_case_document_unwritable": "Documents that cannot be written",
    "group_case_invoice_differs": "Invoices that do not fit",
    "group_case_invoice_twice": "Invoices with a number that was used",
    "group_case_request_status_unreadable": "Requests whose status could not be read",
    "group_case_request_overdue": "Requests without an answer",
    "group_case_shipment_overdue": "Requests without a shipment",
    "group_case_connection_unauthorized": "Connections that are refused",
    # --- the demo ---
    "demo_start": "Simulated remotes are up at {speed}x speed, seed {seed}; files are left in {folder}. "
    "First the channels are only observed, then taken over with a count, then Lockstep acts.",
    "demo_summary": "Buyers placed {placed:order|orders} ({refused:wish|wishes} met a sold-out shop). Lockstep recorded "
    "{recorded}: {routed} routed, {shipped} shipped, {delivered} delivered, {canceled} canceled, {held} held, "
    "{elsewhere} for others to ship, {waiting} that no place can fill (each a Case). "
    "Oversold: {oversold:unit|units}. Mails: {mails}.",
    "demo_well": "Every order reached its end, and every channel shows what it should.",
    "demo_not_well": "Not everything is as it should be: {count:finding|findings} above.",
    "demo_left": "The database is left in {folder}: try `./lockstep status -c {folder}/lockstep.yaml`.",
}

#: Our own words as people say them. A value that is not here is said as it is.
WORDS: Final[dict[str, str]] = {
    "": "–",
    "None": "nothing",
    "True": "yes",
    "False": "no",
    # why an order is held
    "pending": "pending on the channel",
    "unpaid": "not paid",
    "test_order": "test order",
    "authorized_only": "not captured",
    "payment_expired": "authorization expired",
    "partly_paid": "paid in part",
    "release_window": "new",
    "address_undeliverable": "undeliverable address",
    "zip_unknown": "no such ZIP code",
    "zip_elsewhere": "ZIP code of another state",
    "risk_stated": "risk of fraud",
    "billing_elsewhere": "billed elsewhere",
    "high_value": "high value",
    "first_order": "first order of its buyer",
    "velocity": "many orders at once",
    "freight_forwarder": "freight forwarder",
    "price_unlike": "odd price",
    "quantity_unlike": "odd quantity",
    "restricted": "your restriction",
    "duplicate": "look-alike",
    "unknown_sku": "unknown Sku",
    "address_incomplete": "incomplete address",
    "cancel_requested": "buyer asked to cancel",
    "rule_hit": "your rule",
    # parts of an address
    "name": "name",
    "line1": "street",
    "city": "city",
    "region": "state",
    "postal_code": "postal code",
    "zip": "5-digit ZIP code",
    "country": "country",
    # what is wrong with one
    "placeholder": "a stopgap",
    "no_number": "without a number",
    "mail_or_link": "an e-mail or web address",
    "script": "no Latin letters",
    "part.country": "country",
    "part.state": "state",
    "part.zip": "ZIP code",
    "risk.low": "low",
    "risk.medium": "medium",
    "risk.high": "high",
    # payment
    "payment.pending": "pending",
    "authorized": "authorized only",
    "paid": "paid",
    "partially_paid": "partial",
    "partially_refunded": "partially refunded",
    "refunded": "refunded",
    "voided": "voided",
    "expired": "expired",
    "unknown": "unknown",
    # where a parcel is
    "label_created": "label created",
    "picked_up": "picked up",
    "in_transit": "in transit",
    "out_for_delivery": "out for delivery",
    "available_for_pickup": "waits for pickup",
    "attempted": "delivery attempted",
    "delayed": "delayed",
    "exception": "in trouble",
    "action_required": "somebody must act",
    "delivered": "delivered",
    "returning": "on its way back",
    "returned": "returned",
    "lost": "lost",
    "not_found": "not known to the carrier",
    # why a stock figure is not believed
    "snapshot_empty": "empty",
    "snapshot_old": "too old",
    "snapshot_ahead": "from the future",
    "snapshot_absurd": "absurd quantity",
    "snapshot_repeats": "repeated rows",
    "snapshot_unreadable": "unreadable lines",
    "snapshot_named_twice": "Skus named twice",
    "snapshot_negative": "negative quantities",
    "snapshot_unknown": "unknown Skus",
    "snapshot_all_unknown": "only unknown Skus",
    "snapshot_rows_gone": "rows missing",
    "snapshot_units_fallen": "total fallen",
    "snapshot_zeros": "too many zeros",
    # kinds of writes and records
    "request": "request to ship",
    "confirmation": "shipment confirmation",
    "mail": "mail",
    "order": "order",
    "listing": "listing",
    "acknowledgment": "acknowledgment",
    "stock file": "stock file",
    "stock line": "stock line",
    "shipment file": "shipment file",
    "shipment line": "shipment line",
    "acknowledgment file": "acknowledgment file",
    "acknowledgment line": "acknowledgment line",
    # buying
    "purchase": "purchase order",
    "purchase answer": "answer to a purchase order",
    "purchase answer file": "file of answers to purchase orders",
    "cost.unknown": "price not known",
    "value.unknown": "an unknown amount",
    "leg.ready": "ready",
    "leg.loaded": "loaded",
    "leg.sailed": "sailed",
    "leg.port": "in the port",
    "leg.customs": "through customs",
    "leg.delivered": "delivered",
    "leg.receiving": "booked in",
    "state.received": "received",
    "state.closed": "closed",
    "price.unknown": "not known",
    "loss.unknown": "margin not known",
    "cover.endless": "no end",
    "runs_out.not_in_sight": "not in sight",
    # how far a write is
    "proposed": "a person has to release it",
    "done": "done",
    "refused": "refused",
    "parked": "a person decides",
    "canceled": "canceled",
    # flows and modes
    "offers": "quantities",
    "requests": "requests to ship",
    "shipments": "shipment confirmations",
    "observe": "observe",
    "propose": "propose",
    "act": "act",
    # days of the week
    "mon": "Mon",
    "tue": "Tue",
    "wed": "Wed",
    "thu": "Thu",
    "fri": "Fri",
    "sat": "Sat",
    "sun": "Sun",
    # mails
    "open": "new",
    "change": "changed",
    "repeat": "reminder",
    "resolve": "over",
    "first import": "first import",
}
